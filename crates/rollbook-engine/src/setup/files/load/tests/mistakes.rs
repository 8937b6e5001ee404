//! Mistakes in the files, and what `check` shows for each.

use super::{ROLLBOOK, SMALL_JOB};

/// `rollbook.toml`, jobs, and what is shown for them.
pub(super) type Mistake = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

/// One mistake a row, but for those that are shown together.
pub(super) const MISTAKES: &[Mistake] = &[
    (
        r#"[sources.webuntis]
connector = "webuntis"
[sources.webuntis.auth]
grant = "client_credentials"
client_id = "rollbook"
client_secret = "hunter2"
"#,
        &[("small.toml", SMALL_JOB)],
        r#"
error: the secret `client_secret` is in this file in plain text
 --> rollbook.toml:6:17
  |
6 | client_secret = "…"
  |                 ^^^
  |
  = help: write where it comes from: `client_secret = { credential = "NAME" }`, `{ file = "PATH" }` or `{ env = "NAME" }`; if others could read this file, change the secret at the vendor
"#,
    ),
    (
        r#"[sources.webuntis]
connector = "webuntis"
[sources.webuntis.auth]
grant = "client_credentials"
client_id = "rollbook"
client_secret = { env = "hunter2" }
"#,
        &[("small.toml", SMALL_JOB)],
        r#"
error: this is not the name of an environment variable
 --> rollbook.toml:6:25
  |
6 | client_secret = { env = "…" }
  |                         ^^^
  |
  = help: capital letters, digits and `_`, such as `"ROSTER_PASSWORD"`; write the secret itself into the variable
"#,
    ),
    (
        r#"[sources.webuntis]
connector = "webuntis"
[sources.webuntis.auth]
grant = "client_credentials"
client_id = "rollbook"
client_secret = { credential = "x", env = "Y" }
"#,
        &[("small.toml", SMALL_JOB)],
        r#"
error: `client_secret` must have exactly one key
 --> rollbook.toml:6:1
  |
6 | client_secret = { credential = "x", env = "Y" }
  | ^^^^^^^^^^^^^
  |
  = help: one of `credential`, `env`, `file`
"#,
    ),
    (
        r#"[sources.webuntis]
connector = "webuntis"
[sources.webuntis.auth]
grant = "authorization_code"
pkce = false
"#,
        &[("small.toml", SMALL_JOB)],
        r#"
error: the grant `authorization_code` needs the key `client_id`
 --> rollbook.toml:4:9
  |
4 | grant = "authorization_code"
  |         ^^^^^^^^^^^^^^^^^^^^
  |
  = help: add `client_id = "…"`

note: without a proof key, anyone who sees the address at which the browser ends can use its code
 --> rollbook.toml:5:8
  |
5 | pkce = false
  |        ^^^^^
  |
  = help: only for a vendor that does not support PKCE with S256; ask it for that
"#,
    ),
    (
        r#"[sources.webuntis]
connector = "webuntis"
[sources.webuntis.auth]
grant = "password"
username = "me"
refresh_token = { file = "x" }
"#,
        &[("small.toml", SMALL_JOB)],
        r#"
note: the grant `password` is legacy: it needs a person's password on this machine, and ends when that person changes it or leaves
 --> rollbook.toml:4:9
  |
4 | grant = "password"
  |         ^^^^^^^^^^
  |
  = help: where the vendor offers another grant, such as `authorization_code` or `client_credentials`, use that

error: the grant `password` needs the key `password`
 --> rollbook.toml:4:9
  |
4 | grant = "password"
  |         ^^^^^^^^^^
  |
  = help: add `password = { credential = "NAME" }`

error: `refresh_token` is not used by the grant `password`
 --> rollbook.toml:6:1
  |
6 | refresh_token = { file = "x" }
  | ^^^^^^^^^^^^^
  |
  = help: remove it; this grant uses `username`, `password`, `client_id`, `client_secret`, `api_key`
"#,
    ),
    (
        r#"[sources.webuntis]
connector = "webuntis"
[sources.webuntis.auth]
grant = "implicit"
client_id = "x"
"#,
        &[("small.toml", SMALL_JOB)],
        r#"
error: the grant `implicit` is for scripts in browsers: the token passes through the address bar and cannot be renewed, so nothing could run unattended
 --> rollbook.toml:4:9
  |
4 | grant = "implicit"
  |         ^^^^^^^^^^
  |
  = help: write `grant = "authorization_code"` and run `rollbook login` once for this source
"#,
    ),
    (
        r#"[sources.webuntis]
connector = "webuntis"
[sources.webuntis.auth]
grant = "api_key"
api_key = { credential = "key" }
api_key_header = "x-key"
client_auth = "post"
members = { access_token = "token" }
"#,
        &[("small.toml", SMALL_JOB)],
        r#"
error: `client_auth` is not used by the grant `api_key`
 --> rollbook.toml:7:1
  |
7 | client_auth = "post"
  | ^^^^^^^^^^^
  |
  = help: remove it; this grant uses `api_key`, `api_secret`, `api_key_header`

error: `members` is not used by the grant `api_key`
 --> rollbook.toml:8:1
  |
8 | members = { access_token = "…" }
  | ^^^^^^^
  |
  = help: remove it; this grant uses `api_key`, `api_secret`, `api_key_header`
"#,
    ),
    (
        r#"[sources.webuntis]
connector = "webuntis"
[sources.webuntis.auth]
grant = "oauth"
"#,
        &[("small.toml", SMALL_JOB)],
        r#"
error: invalid value `oauth` for `grant`
 --> rollbook.toml:4:9
  |
4 | grant = "oauth"
  |         ^^^^^^^
  |
  = help: did you mean `oauth1`?
"#,
    ),
    (
        r#"[sources.webuntis]
connector = "webuntis"
client_id = "x"
proxy = "http://me:hunter2@proxy:80"
ca_file = "none.pem"
limits = { per_second = 0, in_flight = 0 }
"#,
        &[("small.toml", SMALL_JOB)],
        r#"
error: unknown key `client_id`
 --> rollbook.toml:3:1
  |
3 | client_id = "…"
  | ^^^^^^^^^
  |
  = help: `client_id` belongs in the table `auth`

error: a proxy's address must not hold a name or a password
 --> rollbook.toml:4:9
  |
4 | proxy = "http://…@proxy:80"
  |         ^^^^^^^^^^^^^^^^^^^
  |
  = help: write scheme, host and port, such as `"http://proxy.school.example:3128"`, and set `proxy_user` and `proxy_password`

error: cannot read none.pem: it does not exist
 --> rollbook.toml:5:11
  |
5 | ca_file = "none.pem"
  |           ^^^^^^^^^^

error: `per_second` must be at least 0.001
 --> rollbook.toml:6:25
  |
6 | limits = { per_second = 0, in_flight = 0 }
  |                         ^

error: `in_flight` must be at least 1
 --> rollbook.toml:6:40
  |
6 | limits = { per_second = 0, in_flight = 0 }
  |                                        ^
"#,
    ),
    (
        r#"[sources.North-School]
connector = "webuntis"
"#,
        &[("small.toml", SMALL_JOB)],
        r#"
error: invalid name `North-School`: use small letters, digits and underscores, starting with a letter
 --> rollbook.toml:1:10
  |
1 | [sources.North-School]
  |          ^^^^^^^^^^^^
  |
  = help: for example `north_school`
"#,
    ),
    (
        ROLLBOOK,
        &[(
            "job.toml",
            r#"source = "webuntiss"
streams = ["orgs", "users", "orgs"]
shedule = "0 3 * * *"
time_zone = 1
apply = "togehter"
catch_up = "yes"

[stream.user]
history = "forever"

[guard]
removals = 10
confirm = 0
"#,
        )],
        r#"
error: unknown key `shedule`
 --> jobs/job.toml:3:1
  |
3 | shedule = "0 3 * * *"
  | ^^^^^^^
  |
  = help: did you mean `schedule`?

error: `time_zone` must be a text, not a whole number
 --> jobs/job.toml:4:13
  |
4 | time_zone = 1
  |             ^
  |
  = help: such as `time_zone = "Europe/Vienna"`

error: invalid value `togehter` for `apply`
 --> jobs/job.toml:5:9
  |
5 | apply = "togehter"
  |         ^^^^^^^^^^
  |
  = help: did you mean `together`?

error: `catch_up` must be `true` or `false`, not a text
 --> jobs/job.toml:6:12
  |
6 | catch_up = "yes"
  |            ^^^^^
  |
  = help: write it without quotes

error: `forever` is not a duration: it must begin with a whole number
 --> jobs/job.toml:9:11
  |
9 | history = "forever"
  |           ^^^^^^^^^
  |
  = help: write a length such as `"400 days"`, or `"off"`

error: `removals` must be a text, not a whole number
  --> jobs/job.toml:12:12
   |
12 | removals = 10
   |            ^^
   |
   = help: such as `removals = "10%"`

error: `confirm` must be at least 1
  --> jobs/job.toml:13:11
   |
13 | confirm = 0
   |           ^
"#,
    ),
    (
        ROLLBOOK,
        &[(
            "job.toml",
            r#"source = webuntis
streams = ["orgs"]
schedule = "61 3 * * *"
colour = 1
apply = 5
[guard]
removals = "110%"
"#,
        )],
        r#"
error: this is not TOML: string values must be quoted, expected literal string
 --> jobs/job.toml:1:10
  |
1 | source = webuntis
  |          ^^^^^^^^

error: the minute `61` of the schedule cannot be used
 --> jobs/job.toml:3:12
  |
3 | schedule = "61 3 * * *"
  |            ^^^^^^^^^^^^
  |
  = help: 0-59, `*`, `*/STEP`, or several with commas between

error: unknown key `colour`
 --> jobs/job.toml:4:1
  |
4 | colour = 1
  | ^^^^^^
  |
  = help: known: `apply`, `catch_up`, `guard`, `preset`, `schedule`, `source`, `stream`, `streams`, `time_zone`, `timeout`

error: `apply` must be a text, not a whole number
 --> jobs/job.toml:5:9
  |
5 | apply = 5
  |         ^
  |
  = help: one of `together`, `each`

error: `110%` is not a percentage: it is more than 100
 --> jobs/job.toml:7:12
  |
7 | removals = "110%"
  |            ^^^^^^
  |
  = help: write a number from 0 to 100 and a percent sign, such as `"10%"` or `"0.5%"`
"#,
    ),
    (
        ROLLBOOK,
        &[(
            "job.toml",
            r#"source = "webuntis"
streams = ["users"]
schedule = "0 0 30 2 *"
[streams.users]
drop = ["phone"]
"#,
        )],
        r#"
error: the schedule `0 0 30 2 *` never runs
 --> jobs/job.toml:3:12
  |
3 | schedule = "0 0 30 2 *"
  |            ^^^^^^^^^^^^
  |
  = help: no year has such a day; correct day or month

error: this is not TOML: cannot extend value of type array with a dotted key
 --> jobs/job.toml:4:2
  |
4 | [streams.users]
  |  ^^^^^^^
  |
  = help: the options of one stream are in a table such as `[stream.users]`, without s
"#,
    ),
    (
        ROLLBOOK,
        &[(
            "job.toml",
            r#"source = "webuntis"
schedule = "0 0 * * *"
streams = []
timeout = "30"
"#,
        )],
        r#"
error: `streams` is empty
 --> jobs/job.toml:3:11
  |
3 | streams = []
  |           ^^

error: `30` is not a duration: the unit is missing
 --> jobs/job.toml:4:11
  |
4 | timeout = "30"
  |           ^^^^
  |
  = help: write a whole number and a unit, such as `"180s"`, `"10m"`, `"48h"` or `"7 days"`
"#,
    ),
    (
        ROLLBOOK,
        &[("My Job.toml", SMALL_JOB), ("empty.toml", r#""#)],
        r#"
error: a job is named like its file, and invalid name `My Job`: use small letters, digits and underscores, starting with a letter
--> jobs/My Job.toml
 = help: rename the file, for example `my_job`

error: the key `source` is missing
--> jobs/empty.toml
 = help: the sources of rollbook.toml are `webuntis`

error: the key `streams` is missing
--> jobs/empty.toml
 = help: such as `streams = ["orgs","users"]`

error: the key `schedule` is missing
--> jobs/empty.toml
 = help: such as `schedule = "*/20 6-18 * * Mon-Fri"`
"#,
    ),
    (
        r#"[sorces.webuntis]
connector = "webuntis""#,
        &[("small.toml", SMALL_JOB), ("other.toml", r#"schedule = 5"#)],
        r#"
error: unknown key `sorces`
 --> rollbook.toml:1:2
  |
1 | [sorces.webuntis]
  |  ^^^^^^
  |
  = help: did you mean `sources`?

error: the key `source` is missing
--> jobs/other.toml
 = help: such as `source = "rosters"`

error: the key `streams` is missing
--> jobs/other.toml
 = help: such as `streams = ["orgs","users"]`

error: `schedule` must be a text, not a whole number
 --> jobs/other.toml:1:12
  |
1 | schedule = 5
  |            ^
  |
  = help: such as `schedule = "*/20 6-18 * * Mon-Fri"`
"#,
    ),
];
