# Finds the processes of servers: each has the server's data as its working folder, also when its parent is gone.
# Runs as the servers' user, whose processes a container's root may not look at.

# Sends a signal to the processes of these folders. Fails if there is none.
to_each() {
	signal=$1 found=1
	shift
	for process in /proc/[0-9]*; do
		for folder; do
			if [ "$process/cwd" -ef "$folder" ]; then
				kill "-$signal" "${process#/proc/}" && found=0
			fi
		done
	done
	return $found
}

# Ends the processes of these folders, paused ones too; PostgreSQL's without a checkpoint.
end() {
	to_each CONT "$@"
	to_each QUIT "$@"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		to_each 0 "$@" || break
		sleep 0.05
	done
	while to_each KILL "$@"; do :; done
	# A killed server leaves its shared memory behind; line 7 has its key and its id.
	for folder; do
		[ ! -e "$folder/postmaster.pid" ] || sed -n 7p "$folder/postmaster.pid" |
			while read -r _ id; do ipcrm -m "$id"; done
	done
}
