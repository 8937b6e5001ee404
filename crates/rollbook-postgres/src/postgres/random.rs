//! Numbers that no other mirror and no other transaction has.

use super::error::DatabaseError;
use super::fence;

fn random<const N: usize>() -> Result<[u8; N], DatabaseError> {
    let mut bytes = [0; N];
    let filled = aws_lc_rs::rand::fill(&mut bytes);
    filled.map_err(|_| DatabaseError::NoRandomNumbers)?;
    Ok(bytes)
}

/// What names a mirror, a claim or a start.
///
/// # Errors
/// When the system gives no random numbers; the same holds below.
pub fn new_claim() -> Result<String, DatabaseError> {
    Ok(format!("{:032x}", u128::from_le_bytes(random()?)))
}

/// Never that of a claim's first transaction, and never below 0.
pub fn new_revision() -> Result<i64, DatabaseError> {
    let number = i64::from_le_bytes(random()?) & i64::MAX;
    Ok(number.max(fence::FIRST_REVISION + 1))
}
