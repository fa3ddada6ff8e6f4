//! Import directions of the crate `jobs-api`: one way, and no circle.

mod imports;
mod tests;
mod violations;
