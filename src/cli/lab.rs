//! `bake lab`.

use super::args::LabVerb;
use super::settings::Settings;
use super::show::Show;
use super::{Outcome, found};

pub(super) fn run(settings: &Settings, show: &Show, verb: &LabVerb) -> Outcome {
    match verb {
        LabVerb::Report(args) => found::again(settings, show, args),
    }
}
