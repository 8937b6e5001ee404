//! What a server declares as the list's size, page by page.

/// The declared sizes so far.
#[derive(Debug, Default)]
pub(super) struct DeclaredTotals {
    declared: Option<u64>,
    /// Every page so far held exactly as many rows as were declared.
    fits_pages: bool,
    /// It is the size of a page and not of the list.
    is_of_page: bool,
    largest_page: u64,
    received: u64,
    moved: Option<(u64, u64)>,
}

impl DeclaredTotals {
    /// Takes what a page with so many rows declared.
    pub(super) fn note(&mut self, rows: u64, declared: Option<u64>) {
        let before = self.received;
        self.received += rows;
        self.largest_page = self.largest_page.max(rows);
        let Some(now) = declared else { return };
        // A count over the rows of an empty page.
        if rows == 0 && now == 0 && before > 0 {
            return;
        }
        let Some(first) = self.declared else {
            self.declared = Some(now);
            self.fits_pages = now == rows;
            return;
        };
        // More rows behind a first page that held all that was declared, and the number is that page's once more, or this one's.
        if self.fits_pages && rows > 0 && (now == rows || now == first) {
            self.is_of_page = true;
        }
        self.fits_pages &= now == rows;
        let is_of_page = self.is_of_page && now <= self.largest_page;
        if now != first && !is_of_page {
            self.moved.get_or_insert((first, now));
            self.declared = Some(now);
        }
    }

    /// The list's declared size.
    pub(super) fn of_list(&self) -> Option<u64> {
        self.declared
            .filter(|_| !self.is_of_page || self.moved.is_some())
    }

    /// The first change of it.
    pub(super) fn moved(&self) -> Option<(u64, u64)> {
        self.moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds: agreeing, absent, of the page, of the page size, growing, shrinking, zero behind the end.
    #[test]
    fn what_declared_numbers_mean() {
        for (what, pages, of_list, moved) in [
            ("none", &[(20, None), (20, None)][..], None, None),
            ("agreeing", &[(20, Some(27)), (7, Some(27))], Some(27), None),
            ("on one page", &[(20, Some(20))], Some(20), None),
            (
                "on one page, and the end",
                &[(20, Some(20)), (0, Some(20))],
                Some(20),
                None,
            ),
            (
                "first page only",
                &[(20, Some(27)), (7, None)],
                Some(27),
                None,
            ),
            (
                "each page its own",
                &[(20, Some(20)), (20, Some(20)), (7, Some(7))],
                None,
                None,
            ),
            (
                "the page's size",
                &[(20, Some(20)), (20, Some(20)), (7, Some(20))],
                None,
                None,
            ),
            (
                "the page's size, two pages",
                &[(20, Some(20)), (7, Some(20))],
                None,
                None,
            ),
            (
                "each page its own, two pages",
                &[(20, Some(20)), (7, Some(7))],
                None,
                None,
            ),
            (
                "of the page and zero",
                &[(20, Some(20)), (7, Some(7)), (0, Some(0))],
                None,
                None,
            ),
            (
                "zero behind the end",
                &[(20, Some(20)), (0, Some(0))],
                Some(20),
                None,
            ),
            (
                "grown",
                &[(20, Some(27)), (8, Some(28))],
                Some(28),
                Some((27, 28)),
            ),
            (
                "grown behind one page",
                &[(20, Some(20)), (1, Some(21))],
                Some(21),
                Some((20, 21)),
            ),
            (
                "shrunk",
                &[(20, Some(27)), (6, Some(26))],
                Some(26),
                Some((27, 26)),
            ),
            (
                "of the page, then of a list",
                &[(20, Some(20)), (20, Some(20)), (20, Some(61))],
                Some(61),
                Some((20, 61)),
            ),
            ("too small", &[(20, Some(5)), (7, Some(5))], Some(5), None),
        ] {
            let mut totals = DeclaredTotals::default();
            for (rows, declared) in pages {
                totals.note(*rows, *declared);
            }
            assert_eq!(
                (totals.of_list(), totals.moved()),
                (of_list, moved),
                "{what}"
            );
        }
    }
}
