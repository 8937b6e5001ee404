//! A scenario: what a vendor is like, and what happens to it and to the mirror, step by step.
//!
//! Plain data, so that a failing one can be printed as Rust, pasted into `regressions.rs` and reduced. Every change
//! names its row by key and does nothing if that row is not listed, so that any part of a scenario can be removed.
//!
//! Keys below 1000 are users; 1000 + 10 × user + n is the n-th entry of that user in the second list.

/// A whole history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scenario {
    /// What the vendor is like.
    pub vendor: Vendor,
    /// What the job asks for.
    pub job: ScenarioJob,
    /// Rows that are listed at the start: key, and position in a list with the order `Placed`.
    pub rows: Vec<(u16, u16)>,
    /// What happens. Quiet runs follow by themselves.
    pub steps: Vec<ScenarioStep>,
}

/// What the vendor is like, at all times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vendor {
    /// How the next page is asked for.
    pub style: Style,
    /// Rows on a page that the connector asks for.
    pub size: u64,
    /// The most rows that the server puts on a page, independent of the request.
    pub cap: u64,
    /// The total that it declares.
    pub total: Total,
    /// Whether the total is in a header; else in the body.
    pub total_in_header: bool,
    /// The order of the list.
    pub order: Order,
    /// Whether answers carry the server's time.
    pub date: bool,
    /// How a removed row is reported.
    pub leaves: Leaves,
}

/// How pages are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// One answer holds all.
    OneAnswer,
    /// Rows to skip.
    Offset,
    /// The page's number.
    Number,
    /// A `Link` header.
    Link(Inside),
    /// A cursor in the body.
    Cursor(Inside),
    /// From the last change time; the list is ordered by change time.
    Watermark,
}

/// What a cursor or a link is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// Rows to skip in the list as it is then.
    Skip,
    /// The last key: rows that join or leave shift nothing. The list is ordered by key.
    Key,
    /// Rows to skip in the list as it was at the first page.
    Frozen,
}

/// What is declared as the number of all rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Total {
    /// Nothing.
    Undeclared,
    /// The truth.
    Right,
    /// Always so many more, or fewer.
    Off(i64),
    /// The number of rows of the page.
    OfThePage,
    /// Another number at each request.
    Moving,
    /// Rows that have left count as well.
    CountsDeleted,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// By key.
    ByKey,
    /// Ordered by change time, newest first.
    NewestFirst,
    /// By a place that each row has, and that it may change.
    Placed,
    /// Another one at each request.
    Shuffled,
}

/// How a removed row is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    /// It is no longer listed.
    Silently,
    /// It stays listed with a status.
    WithStatus,
    /// It is listed with a status and may vanish later; absence counts as well.
    Both,
}

/// What the job asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ScenarioJob {
    /// Changes only, with a full reading every third day.
    pub incremental: bool,
    /// The connector names the column that orders versions.
    pub newest: bool,
    /// The default guard; otherwise one that allows as much as possible.
    pub usual_guard: bool,
    /// A second stream beside the users.
    pub second: Second,
    /// Whether both become visible at once.
    pub together: bool,
}

/// The second stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// There is none.
    Alone,
    /// `notes`: one list; each row names a user.
    Notes,
    /// `marks`: a list for each mirrored user.
    Marks,
}

/// One step of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ScenarioStep {
    /// The vendor's list changes between readings.
    Change(VendorChange),
    /// So many minutes pass.
    Minutes(u32),
    /// The job runs.
    Run(ScenarioRun),
    /// An admin approves what the last run held back, and the job runs.
    Approve,
}

/// A run of the job, with its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ScenarioRun {
    /// Read everything, regardless of checkpoints.
    pub full: bool,
    /// Changes just before the n-th request of the run is answered, from 1.
    pub during: Vec<(u32, VendorChange)>,
    /// Odd answers to the n-th request of the run.
    pub odd: Vec<(u32, Odd)>,
    /// Where the run is stopped, or the program killed.
    pub stop: Option<Stop>,
}

/// A change of the vendor's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VendorChange {
    /// A row joins.
    Join { key: u16, place: u16 },
    /// A row leaves, as `Vendor::leaves` defines.
    Leave { key: u16 },
    /// A row that is listed as removed is no longer listed.
    Forget { key: u16 },
    /// A row gets other values.
    Edit { key: u16 },
    /// A row loses its name, which is an edit too.
    Clear { key: u16 },
    /// A row moves to another place, without another change time.
    Move { key: u16, place: u16 },
    /// The same person gets another key.
    Rekey { key: u16, to: u16 },
    /// A row is listed twice from now on.
    Double { key: u16 },
    /// A cell that may be empty can no longer be read.
    SpoilCell { key: u16 },
    /// The key can no longer be read.
    SpoilKey { key: u16 },
    /// It is listed once again.
    Single { key: u16 },
    /// All of it can be read again.
    Mend { key: u16 },
}

/// An answer that is not what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Odd {
    /// No rows, and nothing about a next page.
    Empty,
    /// No rows, and a next page as if nothing had happened.
    EmptyWithNext,
    /// 204.
    NoContent,
    /// Fewer rows than fit; the next page continues behind them.
    Short,
    /// The same page as before once more.
    SamePage,
    /// The server is down: 500, also when asked again.
    Down,
    /// The JSON breaks off.
    Cut,
    /// A web page with status 200.
    WebPage,
    /// A server that is so many changes behind answers.
    Stale(u32),
    /// The next page is not announced.
    NoNext,
    /// The next link or cursor cannot be understood.
    BadNext,
    /// The total is wrong by so much this once.
    WrongTotal(i64),
}

/// An unplanned end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The run is stopped during the n-th request.
    At(u32),
    /// The program is killed during the n-th request.
    KillAt(u32),
    /// The run is stopped at its n-th progress report.
    AtNews(u32),
}

impl Scenario {
    /// As Rust that can be pasted among the regressions.
    pub(super) fn code(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(ScenarioStep::code).collect();
        let code = format!(
            "Scenario {{\n    vendor: {:?},\n    job: {:?},\n    rows: {:?},\n    steps: [\n        {}\n    ],\n}}",
            self.vendor,
            self.job,
            self.rows,
            steps.join(",\n        ")
        );
        code.replace('[', "vec![")
    }

    /// A list that continues behind the last key skips the second listing of a row at a page's end, which a total
    /// counts.
    fn loses_duplicates(&self) -> bool {
        let by_key = matches!(
            self.vendor.style,
            Style::Link(Inside::Key) | Style::Cursor(Inside::Key)
        );
        by_key && self.vendor.total != Total::Undeclared
    }

    pub(super) fn is_honest(&self) -> bool {
        let pages = self.vendor.style != Style::OneAnswer;
        let total = matches!(self.vendor.total, Total::Undeclared | Total::Right);
        total && !(pages && self.vendor.order == Order::Shuffled) && !self.loses_duplicates()
    }
}

impl ScenarioStep {
    /// Without defaults.
    fn code(&self) -> String {
        let Self::Run(run) = self else {
            return format!("{self:?}");
        };
        let mut parts = Vec::new();
        if run.full {
            parts.push("full: true".to_owned());
        }
        if !run.during.is_empty() {
            parts.push(format!("during: {:?}", run.during));
        }
        if !run.odd.is_empty() {
            parts.push(format!("odd: {:?}", run.odd));
        }
        if run.stop.is_some() {
            parts.push(format!("stop: {:?}", run.stop));
        }
        parts.push("..ScenarioRun::default()".to_owned());
        format!("Run(ScenarioRun {{ {} }})", parts.join(", "))
    }
}
