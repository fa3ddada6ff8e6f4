//! The hub's operations, by method and path.

use hyper::Method;
use percent_encoding::percent_decode_str;

use crate::auth::Permission;
use crate::fault::Route;
use crate::throttle::Metered;

/// An operation with the job that it is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Operation {
    Create(String),
    Get(String),
    Cancel(String),
    QueryJobs,
    QueryDevices,
    ImportExportJobs,
    GetTwin(String),
    UpdateTwin(String),
    InvokeMethod(String),
}

/// Reason for which a request names no operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RouteError {
    UndecodablePath,
    NoSuchResource,
    /// The resource exists, but not with this method.
    MethodNotAllowed,
}

impl Operation {
    pub(crate) fn of(method: &Method, path: &str) -> Result<Self, RouteError> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let decoded = |segment: &str| {
            let text = percent_decode_str(segment).decode_utf8();
            text.map(|text| text.into_owned()).map_err(|_| RouteError::UndecodablePath)
        };
        percent_decode_str(path).decode_utf8().map_err(|_| RouteError::UndecodablePath)?;
        match (&segments[..], method.as_str()) {
            (["jobs", "v2", "query"], "GET") => Ok(Self::QueryJobs),
            (["jobs", "v2", "query"], _) => Err(RouteError::MethodNotAllowed),
            (["jobs", "v2", id], method) if !id.is_empty() => match method {
                "PUT" => Ok(Self::Create(decoded(id)?)),
                "GET" => Ok(Self::Get(decoded(id)?)),
                _ => Err(RouteError::MethodNotAllowed),
            },
            (["jobs", "v2", id, "cancel"], "POST") if !id.is_empty() => Ok(Self::Cancel(decoded(id)?)),
            (["jobs", "v2", _, "cancel"] | ["jobs", "v2", ""], _) => Err(RouteError::MethodNotAllowed),
            (["devices", "query"], "POST") => Ok(Self::QueryDevices),
            (["jobs"], "GET") => Ok(Self::ImportExportJobs),
            (["twins", id], "GET") if !id.is_empty() => Ok(Self::GetTwin(decoded(id)?)),
            (["twins", id], "PATCH") if !id.is_empty() => Ok(Self::UpdateTwin(decoded(id)?)),
            (["twins", id, "methods"], "POST") if !id.is_empty() => Ok(Self::InvokeMethod(decoded(id)?)),
            (["devices", "query"] | ["jobs"] | ["twins", _] | ["twins", _, "methods"], _) => {
                Err(RouteError::MethodNotAllowed)
            }
            _ => Err(RouteError::NoSuchResource),
        }
    }

    pub(crate) fn route(&self) -> Route {
        match self {
            Self::Create(_) => Route::Create,
            Self::Get(_) => Route::Get,
            Self::Cancel(_) => Route::Cancel,
            Self::QueryJobs => Route::QueryJobs,
            Self::QueryDevices => Route::QueryDevices,
            Self::ImportExportJobs => Route::ImportExportJobs,
            Self::GetTwin(_) => Route::GetTwin,
            Self::UpdateTwin(_) => Route::UpdateTwin,
            Self::InvokeMethod(_) => Route::InvokeMethod,
        }
    }

    pub(crate) fn job_id(&self) -> Option<&str> {
        match self {
            Self::Create(id) | Self::Get(id) | Self::Cancel(id) => Some(id),
            _ => None,
        }
    }

    pub(crate) fn permission(&self) -> Permission {
        match self {
            Self::Create(_) => Permission::WriteJobs,
            Self::Get(_) | Self::QueryJobs | Self::ImportExportJobs => Permission::ReadJobs,
            Self::Cancel(_) => Permission::DeleteJobs,
            Self::QueryDevices | Self::GetTwin(_) => Permission::ReadTwins,
            Self::UpdateTwin(_) => Permission::WriteTwins,
            Self::InvokeMethod(_) => Permission::InvokeMethods,
        }
    }

    /// Returns true if the operation needs a tier with jobs.
    pub(crate) fn is_of_jobs(&self) -> bool {
        !matches!(self, Self::QueryDevices | Self::GetTwin(_) | Self::UpdateTwin(_) | Self::InvokeMethod(_))
    }

    /// Returns the meter that counts the operation; `None` for those that are not metered.
    pub(crate) fn metered(&self) -> Option<Metered> {
        match self {
            Self::Create(_) | Self::Cancel(_) | Self::QueryJobs => Some(Metered::JobOperation),
            Self::Get(_) => Some(Metered::JobRead),
            Self::QueryDevices => Some(Metered::Query),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_found_by_method_and_path() {
        let of = |method: &str, path| Operation::of(&method.parse().unwrap(), path);
        assert_eq!(of("PUT", "/jobs/v2/a%2Db"), Ok(Operation::Create("a-b".into())));
        assert_eq!(of("GET", "/jobs/v2/a"), Ok(Operation::Get("a".into())));
        assert_eq!(of("GET", "/jobs/v2/query"), Ok(Operation::QueryJobs));
        assert_eq!(of("POST", "/jobs/v2/query/cancel"), Ok(Operation::Cancel("query".into())));
        assert_eq!(of("POST", "/devices/query"), Ok(Operation::QueryDevices));
        assert_eq!(of("POST", "/jobs/v2//cancel"), Err(RouteError::MethodNotAllowed));
        assert_eq!(of("DELETE", "/jobs/v2/a"), Err(RouteError::MethodNotAllowed));
        assert_eq!(of("TRACE", "/jobs/v2/query"), Err(RouteError::MethodNotAllowed));
        assert_eq!(of("GET", "/jobs"), Ok(Operation::ImportExportJobs));
        assert_eq!(of("GET", "/jobs/a"), Err(RouteError::NoSuchResource));
        assert_eq!(of("GET", "/twins/a%20b"), Ok(Operation::GetTwin("a b".into())));
        assert_eq!(of("PATCH", "/twins/a"), Ok(Operation::UpdateTwin("a".into())));
        assert_eq!(of("PUT", "/twins/a"), Err(RouteError::MethodNotAllowed));
        assert_eq!(of("POST", "/twins/a/methods"), Ok(Operation::InvokeMethod("a".into())));
        assert_eq!(of("GET", "/jobs/v2/%ff"), Err(RouteError::UndecodablePath));
    }
}
