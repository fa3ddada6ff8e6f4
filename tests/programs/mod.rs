//! Programs that use the client, as short as they can be, on a real port.

mod progress_service;
