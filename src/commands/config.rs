//! `counterflow config`: what is in effect, and where each value was set.

use clap::Args;

use crate::{
    config::{listing_json, listing_text},
    context::Context,
    exit::End,
    output,
};

const EXAMPLE: &str = "\
Example:
  counterflow config --config counterflow.toml --set consumer.lanes=4
  counterflow config --json";

/// Lists every setting with its value and where it was set; secrets stay hidden
///
/// Exits 64 and names every mistake when there is one, so it serves as a check before a roll-out.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// Print JSON, with what each setting does
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(context: &Context, asked: &Arguments) -> anyhow::Result<End> {
    let effective = context.load(&[])?.effective;
    match asked.json {
        true => output::line(listing_json(&effective))?,
        false => output::text(&listing_text(&effective))?,
    }
    Ok(End::Done)
}
