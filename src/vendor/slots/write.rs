//! The row that was read, as the bytes it goes on with.

use super::*;

impl Slots<'_> {
    /// Appends the cells of all columns to a row's bytes, and counts those without a value.
    pub fn write(&self, bytes: &mut Vec<u8>, nulls: &mut [u32]) {
        // Members mostly come in the columns' order, so neighbours are copied in one go.
        let mut run = 0..0;
        for (number, (slot, column)) in self.slots.iter().zip(self.columns).enumerate() {
            let constant = match &column.origin {
                Origin::Constant(text) => constant(text, column.kind),
                Origin::Paths(_) if slot.start < slot.end => {
                    if slot.start != run.end {
                        bytes.extend_from_slice(&self.bytes[run]);
                        run = slot.start..slot.start;
                    }
                    run.end = slot.end;
                    continue;
                }
                Origin::Paths(_) => Cell::Null,
            };
            nulls[number] += u32::from(constant == Cell::Null);
            bytes.extend_from_slice(&self.bytes[run]);
            run = 0..0;
            constant.write(bytes);
        }
        bytes.extend_from_slice(&self.bytes[run]);
    }

    /// The same for a row that keeps some of the table's values: those that could not be read, and in a short row all
    /// that it has not.
    pub fn write_partial(&self, empty: Empty, bytes: &mut Vec<u8>, nulls: &mut [u32]) {
        let unreadable = self.all_unreadable();
        for (number, nulls) in nulls.iter_mut().enumerate() {
            *nulls += u32::from(!self.write_cell(number, bytes, |number| {
                match empty == Empty::Keep || unreadable.contains(&number) {
                    true => Cell::Keep,
                    false => Cell::Null,
                }
            }));
        }
    }

    /// What is known of a reject: its key and what is the same for all rows.
    pub fn write_key(&self, key: &[usize], bytes: &mut Vec<u8>) {
        for number in 0..self.columns.len() {
            let is_constant = matches!(self.columns[number].origin, Origin::Constant(_));
            if is_constant || key.contains(&number) {
                self.write_cell(number, bytes, |_| Cell::Null);
            } else {
                Cell::Keep.write(bytes);
            }
        }
    }

    /// Appends one cell, or what stands for none; says whether it is a value.
    fn write_cell(
        &self,
        number: usize,
        bytes: &mut Vec<u8>,
        empty: impl Fn(usize) -> Cell<'static>,
    ) -> bool {
        let (slot, column) = (self.slots[number], &self.columns[number]);
        if let Origin::Constant(text) = &column.origin {
            let cell = constant(text, column.kind);
            cell.write(bytes);
            return cell != Cell::Null;
        }
        if slot.start < slot.end {
            bytes.extend_from_slice(&self.bytes[slot.start..slot.end]);
            return true;
        }
        empty(number).write(bytes);
        false
    }
}

/// A constant in its column's kind; a text that is no whole number has no value there.
fn constant(text: &str, kind: Kind) -> Cell<'_> {
    match kind {
        Kind::Integer | Kind::Boolean => text.parse().map_or(Cell::Null, Cell::Integer),
        Kind::Real => text.parse().map_or(Cell::Null, Cell::Real),
        Kind::Text | Kind::Date | Kind::Timestamp | Kind::Json => Cell::Text(text),
    }
}
