//! `rollbook crosswalk suggest COLUMN LIST --write NAME`: the draft as a file of the configuration.
//!
//! The surprise: another process makes the draft, because root must
//! not read the mirror, and only root may write to the configuration.

use std::io;
use std::process::{Command, Stdio};

use super::super::exit::Exit;
use super::super::{out, write_new};
use rollbook_core::model::CrosswalkName;
use rollbook_engine::setup::Folders;
use rollbook_engine::setup::files::crosswalk::{CROSSWALKS, PEOPLE};

pub fn run(
    folders: &Folders,
    (column, list): (&str, &str),
    name: &CrosswalkName,
) -> Result<(), Exit> {
    if name.as_str() == PEOPLE {
        return Err(Exit::usage(format!(
            "`{name}` is the name of the file with the rules that match people; choose another one"
        )));
    }
    let path = folders.config.join(CROSSWALKS).join(format!("{name}.toml"));
    let shown = path.display();
    let failed = |error: io::Error| Exit::failed(format!("could not write {shown}: {error}"));
    write_new::refuse_existing(&path)?;
    let mut draft = Command::new(std::env::current_exe().map_err(failed)?);
    for (option, folder) in [
        ("--config", &folders.config),
        ("--jobs", &folders.jobs),
        ("--state", &folders.state),
    ] {
        if !folder.as_os_str().is_empty() {
            draft.arg(option).arg(folder);
        }
    }
    draft.args(["crosswalk", "suggest", column, list]);
    draft.stdin(Stdio::null()).stderr(Stdio::inherit());
    let draft = draft.output().map_err(failed)?;
    if !draft.status.success() {
        // It has said why.
        return Err(Exit::unsuccessful());
    }
    write_new::write(&path, &draft.stdout)?;
    let text = String::from_utf8_lossy(&draft.stdout);
    let open = text.lines().filter(|line| line.starts_with("# \"")).count();
    out::text(format!(
        "Written: {shown}. {} no certain entry: they are comments to be finished. `rollbook check` reports mistakes, \
         `rollbook crosswalk check {name}` what is unmapped.",
        match open {
            1 => "1 value has".to_owned(),
            many => format!("{many} values have"),
        }
    ));
    Ok(())
}
