//! Which actions are recorded.

/// An action that is recorded; stored as [`AuditedAction::as_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditedAction {
    /// A held run was approved.
    Approve,
    /// Jobs do not run by their schedule.
    Pause,
    /// Jobs may run again.
    Resume,
    /// A stream is read in full next time.
    Reset,
    /// A person was erased.
    Erase,
    /// What a vendor sends of an erased person is taken back.
    LiftErasure,
    /// A source got another name.
    Rename,
    /// A backup replaced the mirror.
    Restore,
    /// A person signed in to a source.
    Login,
    /// A source's sign-in was deleted.
    Logout,
    /// What is kept of a person was shown.
    ShowPerson,
    /// The same was written to a file.
    ExportPerson,
    /// Everything that is published of sources is compared.
    RebuildPublished,
    /// Everything of a source is removed from a database.
    RemovePublished,
    /// What was published of a source is not known any more.
    ForgetPublished,
    /// A file of the configuration is another one.
    Configuration,
}

impl AuditedAction {
    /// The value in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Reset => "reset",
            Self::Erase => "erase",
            Self::LiftErasure => "lift_erasure",
            Self::Rename => "rename",
            Self::Restore => "restore",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::ShowPerson => "show_person",
            Self::ExportPerson => "export_person",
            Self::RebuildPublished => "rebuild_published",
            Self::RemovePublished => "remove_published",
            Self::ForgetPublished => "forget_published",
            Self::Configuration => "configuration",
        }
    }
}
