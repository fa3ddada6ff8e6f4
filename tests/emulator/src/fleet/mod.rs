//! Devices: their twins, their modules, and how they answer methods.

mod collection;
mod content;
mod device;
mod file;
mod file_error;
mod generated;
mod method;
mod module;
mod node;
mod registry;
mod twin;
mod twin_limits;

pub use device::Device;
pub(crate) use file::parse_device;
pub use file::parse_fleet;
pub use file_error::FleetError;
pub use generated::generate_fleet;
pub(crate) use method::Handler;
pub use method::{MethodAnswer, MethodBehavior, MethodCall};
pub use module::Module;
pub(crate) use registry::{Registry, Target};
pub(crate) use twin_limits::{check_properties, check_tags};
