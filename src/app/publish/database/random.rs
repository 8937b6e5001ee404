//! Numbers that no other mirror and no other transaction has.

use super::pass_error::PassError;
use crate::postgres::fence;

fn random<const N: usize>() -> Result<[u8; N], PassError> {
    let mut bytes = [0; N];
    let filled = aws_lc_rs::rand::fill(&mut bytes);
    filled.map_err(|_| PassError::Refused("the system gives no random numbers".to_owned()))?;
    Ok(bytes)
}

/// What names a mirror.
pub(super) fn new_claim() -> Result<String, PassError> {
    Ok(format!("{:032x}", u128::from_le_bytes(random()?)))
}

/// Never that of a claim's first transaction, and never below 0.
pub(super) fn new_revision() -> Result<i64, PassError> {
    let number = i64::from_le_bytes(random()?) & i64::MAX;
    Ok(number.max(fence::FIRST_REVISION + 1))
}
