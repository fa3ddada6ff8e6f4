//! A hub's connection string, as the Azure portal shows it.

mod error;
mod keys;
mod parse;

pub use self::error::ConnectionStringError;
pub use self::parse::ConnectionString;
