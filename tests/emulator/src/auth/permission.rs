//! Permissions of a caller.

/// Permission that an operation needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Permission {
    ReadJobs,
    WriteJobs,
    DeleteJobs,
    ReadTwins,
    WriteTwins,
    InvokeMethods,
}

/// A caller with its permissions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Principal {
    pub(crate) name: &'static str,
    pub(crate) permissions: &'static [Permission],
}

impl Principal {
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }
}
