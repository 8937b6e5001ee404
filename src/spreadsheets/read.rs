//! Reads a file into sheets. The first bytes decide the format, not the name.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::grid::{Sheet, SheetError};
use super::{commas, xlsx};

/// Limit for a file, in bytes. The vendor's lists have some hundred kilobytes.
pub const MAX_FILE: u64 = 16 << 20;

/// Reads a workbook (`.xlsx`) or CSV, detected by the first bytes.
pub fn read(path: &Path) -> Result<Vec<Sheet>, SheetError> {
    let unreadable = |error: std::io::Error| {
        SheetError::of_file(format!(
            "cannot be read: {}",
            rollbook_core::folder::plain(path, &error)
        ))
    };
    let is_file = std::fs::metadata(path).map_err(unreadable)?.is_file();
    if !is_file {
        return Err(SheetError::of_file("is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy());
    of_bytes(&name.unwrap_or_default(), bytes)
}

/// Reads a file's bytes; `name` is used for a sheet without a name.
pub fn of_bytes(name: &str, bytes: Vec<u8>) -> Result<Vec<Sheet>, SheetError> {
    if bytes.len() as u64 > MAX_FILE {
        let message = format!("is larger than {} MiB", MAX_FILE >> 20);
        return Err(SheetError::of_file(message));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return xlsx::read(bytes);
    }
    if bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Err(SheetError::of_file(
            "is an old Excel workbook or has a password; save it as .xlsx without a password",
        ));
    }
    commas::read(name, bytes).map(|sheet| vec![sheet])
}
