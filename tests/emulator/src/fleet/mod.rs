//! Devices: their twins, their modules, and how they answer methods.

mod change;
mod collection;
mod content;
mod device;
mod export;
mod file;
mod file_error;
mod generated;
mod merges;
mod method;
mod module;
mod node;
mod patch;
mod registry;
mod stamps;
mod twin;
mod twin_limits;

pub(crate) use change::parse_change;
pub use device::Device;
pub(crate) use file::parse_device;
pub use file::parse_fleet;
pub use file_error::FleetError;
pub use generated::generate_fleet;
pub(crate) use merges::Merges;
pub(crate) use method::Handler;
pub use method::{MethodAnswer, MethodBehavior, MethodCall};
pub use module::Module;
pub(crate) use patch::read_patch;
pub(crate) use registry::{Registry, Target};
