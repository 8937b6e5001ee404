//! How secrets reach the service: the comments of `rollbook.toml`, and the drop-in for systemd.
//!
//! Every path in here is absolute, because systemd and the admin's shell run elsewhere.

use std::path::{Path, PathBuf};

use rollbook_engine::setup::files::CREDENTIALS;

/// Who runs `init`, and who uses its files.
#[derive(Clone, Debug)]
pub struct Host {
    /// The configuration folder: absolute.
    pub folder: PathBuf,
    /// Whether root runs `init`.
    pub is_root: bool,
    /// The user of the service, if root runs `init` and there is one.
    pub service_user: Option<String>,
    /// The numbers of that user and its group.
    pub reader: Option<(u32, u32)>,
}

impl Host {
    /// The file of a secret.
    pub fn secret(&self, name: &str) -> PathBuf {
        self.folder.join(CREDENTIALS).join(name)
    }
}

/// Comments next to a source on where its secrets are, and how to create those that are missing.
pub fn comments(stored: &[PathBuf], missing: &[String], host: &Host) -> String {
    let mut text = String::new();
    for path in stored {
        text.push_str(&format!("# The secret is in {}\n", path.display()));
    }
    let into_file = |name: &str| {
        let owner = match &host.service_user {
            Some(user) => format!("-o {user} "),
            None => String::new(),
        };
        let path = in_shell(&host.secret(name));
        format!("#   systemd-ask-password -n | install -D {owner}-m 600 /dev/stdin {path}\n")
    };
    let reader = host.service_user.as_deref();
    if !missing.is_empty() && host.is_root {
        text.push_str("# Enter the secrets once; they are stored encrypted, and credentials.conf, copied as its first lines say, passes them to the\n# service:\n");
        for name in missing {
            let path = in_shell(&encrypted(&host.folder, name));
            text.push_str(&format!(
                "#   systemd-ask-password -n | systemd-creds encrypt --name={name} - {path}\n"
            ));
        }
        let reader = reader.map_or("root".to_owned(), |user| format!("the user {user}"));
        text.push_str(&format!(
            "# Or one file each that only {reader} can read, as `rollbook init --secrets` writes it:\n"
        ));
        text.push_str(&into_file("NAME"));
    } else if !missing.is_empty() {
        text.push_str("# Enter each secret once, into a file that only you can read:\n");
        text.extend(missing.iter().map(|name| into_file(name)));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// A drop-in for the unit that loads the secrets: the existing one with those that it lacks.
pub fn drop_in(existing: Option<&str>, missing: &[String], folder: &Path) -> String {
    let mut text = match existing {
        Some(existing) => existing.to_owned(),
        None => format!(
            "# Passes the encrypted secrets of rollbook.toml to the service. Copy this file to\n\
             # /etc/systemd/system/rollbook.service.d/credentials.conf, then: systemctl daemon-reload\n\
             # Not needed for secrets in {}/{CREDENTIALS}. If one is \"unset\", only the jobs that need it fail.\n",
            folder.display()
        ),
    };
    let lacks = |name: &&String| {
        let mut lines = text.lines();
        !lines.any(|line| line.starts_with(&format!("LoadCredentialEncrypted={name}:")))
    };
    let lacking: Vec<&String> = missing.iter().filter(lacks).collect();
    if lacking.is_empty() {
        return text;
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let mut sections = text.lines().rev().map(str::trim);
    if sections.find(|line| line.starts_with('[')) != Some("[Service]") {
        text.push_str("[Service]\n");
    }
    for name in lacking {
        let path = encrypted(folder, name).display().to_string();
        let path = path.replace('%', "%%");
        text.push_str(&format!(
            "LoadCredentialEncrypted={name}:{path}\nSetCredential={name}:unset\n"
        ));
    }
    text
}

fn encrypted(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.cred"))
}

/// A path as a word of a shell's line.
pub fn in_shell(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+:@,".contains(letter);
    match path.chars().all(is_plain) {
        true => path,
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(is_root: bool, service_user: Option<&str>) -> Host {
        Host {
            folder: PathBuf::from("/etc/rollbook"),
            is_root,
            service_user: service_user.map(str::to_owned),
            reader: None,
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_comments_are_true_for_the_one_who_reads_them() {
        let missing = names(&["a_key"]);
        let encrypt = "systemd-creds encrypt --name=a_key - /etc/rollbook/a_key.cred\n";
        let rows = [
            (
                host(true, Some("rollbook")),
                Some(encrypt),
                "install -D -o rollbook -m 600 /dev/stdin /etc/rollbook/credentials/NAME\n",
            ),
            (
                host(true, None),
                Some(encrypt),
                "install -D -m 600 /dev/stdin /etc/rollbook/credentials/NAME\n",
            ),
            (
                host(false, None),
                None,
                "install -D -m 600 /dev/stdin /etc/rollbook/credentials/a_key\n",
            ),
        ];
        for (host, encrypt, file) in rows {
            let text = comments(&[], &missing, &host);
            assert!(text.contains(file), "{text}");
            assert_eq!(text.contains("systemd-creds"), encrypt.is_some(), "{text}");
            assert!(encrypt.is_none_or(|line| text.contains(line)), "{text}");
        }
        let stored = host(true, None).secret("a_key");
        let text = comments(&[stored], &[], &host(true, None));
        assert_eq!(
            text,
            "# The secret is in /etc/rollbook/credentials/a_key\n\n"
        );
        assert_eq!(comments(&[], &[], &host(true, None)), "");
    }

    #[test]
    fn a_drop_in_is_extended_by_what_it_lacks() {
        let folder = Path::new("/srv/100% ours");
        let line = |name: &str| {
            format!(
                "LoadCredentialEncrypted={name}:/srv/100%% ours/{name}.cred\nSetCredential={name}:unset\n"
            )
        };
        let new = drop_in(None, &names(&["a"]), folder);
        assert!(
            new.ends_with(&format!("\n[Service]\n{}", line("a"))),
            "{new}"
        );
        assert_eq!(drop_in(Some(&new), &names(&["a"]), folder), new);
        let more = drop_in(Some(&new), &names(&["a", "b"]), folder);
        assert_eq!(more, new.clone() + &line("b"));
        let own = "# mine\n[Service]\nX=1\n[Unit]\nY=2";
        let more = drop_in(Some(own), &names(&["a"]), folder);
        assert_eq!(more, format!("{own}\n[Service]\n{}", line("a")));
    }

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        for (path, word) in [
            ("/etc/rollbook/a_b-1.cred", "/etc/rollbook/a_b-1.cred"),
            ("/srv/our data", "'/srv/our data'"),
            ("/srv/it's", r"'/srv/it'\''s'"),
        ] {
            assert_eq!(in_shell(Path::new(path)), word);
        }
    }
}
