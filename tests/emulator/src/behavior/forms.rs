//! The forms that an answer or a rule of the hub was seen to have.

use std::str::FromStr;

/// Defines enums whose variants have names on the command line.
macro_rules! forms {
    ($($(#[$doc:meta])* $form:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        pub enum $form {
            $($(#[$variant_doc])* $variant,)*
        }

        impl FromStr for $form {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($name => Ok(Self::$variant),)*
                    _ => Err(format!("expected {}", [$($name),*].join(" or "))),
                }
            }
        }
    )*};
}

forms! {
    /// Answer to reading a job that the hub does not know.
    UnknownJob {
        /// 200 with `{"type":"unknown","status":"unknown"}`.
        #[default]
        Bare = "bare",
        /// The same with the `jobId` of the request.
        WithId = "with-id",
        /// 404 JobNotFound, as the error codes are documented.
        NotFound = "not-found",
    }

    /// How a row of `devices.jobs` looks while it lags.
    LaggingRows {
        /// It appears late, and its state changes late.
        #[default]
        Missing = "missing",
        /// It appears at once, and is `pending` for too long.
        Pending = "pending",
    }

    /// When a method fails on a device that cannot be reached.
    Unreachable {
        /// At the time limit of the job, unless the device connects before.
        #[default]
        FailAtTimeLimit = "at-time-limit",
        /// After the method's connect timeout.
        FailAtOnce = "at-once",
    }

    /// How a job shows the payload of its method.
    PayloadEcho {
        /// As an array of the bytes of its JSON text.
        #[default]
        Bytes = "bytes",
        /// As it was sent.
        Json = "json",
    }

    /// The `endTime` of a job that has not ended.
    OpenEnd {
        /// `9999-12-31T23:59:59.9999999Z`
        #[default]
        December31 = "december-31",
        /// `9999-12-30T23:59:59.9999999Z`
        December30 = "december-30",
        /// None.
        Absent = "absent",
    }

    /// Characters of a job id, which has 1 to 64 of them.
    JobIds {
        /// Lower-case letters, digits, `-` and `'`, as the newer gateway has it.
        #[default]
        LowerCase = "lower-case",
        /// Letters, digits and `-`, as documented.
        AnyCase = "any-case",
    }

    /// Error of a request beyond a meter's queue.
    Throttled {
        /// 429003 ThrottlingBacklogTimeout
        #[default]
        BacklogTimeout = "backlog-timeout",
        /// 429001 ThrottlingException
        Exception = "exception",
    }

    /// Body of an error. Its name is in the header `iothub-errorcode` as well.
    ErrorBody {
        /// `{"Message":"ErrorCode:NAME;TEXT","ExceptionMessage":"Tracking ID:…"}`
        #[default]
        Named = "named",
        /// The flat object as a text within `Message`.
        Nested = "nested",
        /// `{"errorCode":NUMBER,"trackingId":…,"message":TEXT,"timestampUtc":…}`
        Flat = "flat",
    }

    /// Clock on which a token has not expired.
    TokenClock {
        /// The machine's or the hub's: most clients sign by the machine's time, some by the hub's `Date`.
        #[default]
        Either = "either",
        /// The hub's: a hub whose clock differs from the client's.
        Hub = "hub",
    }

    /// Form of tracking ids.
    TrackingIds {
        /// `<32 hex digits>-G:0-TimeStamp:07/07/2021 20:45:26`
        #[default]
        G = "g",
        /// `<32 HEX DIGITS>-G2:-TimeStamp:2026-08-15T09:07:36.757669697Z`
        G2 = "g2",
    }
}
