//! The pure core of inventory: its rules one by one, and its promises under every order and any
//! duplication.

mod given;
mod interleavings;
mod rules;
