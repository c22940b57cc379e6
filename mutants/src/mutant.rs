//! What a mutant is, and what catches one.

/// A deliberate break, by the name that its site in the sources asks for.
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) breaks: &'static str,
    /// Each of them fails while it is on.
    pub(crate) caught_by: &'static [Test],
}

/// One test of one test program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Test {
    pub(crate) program: Program,
    /// As the program lists it.
    pub(crate) name: &'static str,
}

/// A test program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Program {
    /// The tests beside the code of a package.
    Unit(&'static str),
    /// One that stands for itself, by its package and its name.
    Integration(&'static str, &'static str),
}

/// One of the tests beside the code.
pub(crate) const fn unit(package: &'static str, name: &'static str) -> Test {
    let program = Program::Unit(package);
    Test { program, name }
}

/// One of a test program that stands for itself.
pub(crate) const fn integration(
    package: &'static str,
    of: &'static str,
    name: &'static str,
) -> Test {
    let program = Program::Integration(package, of);
    Test { program, name }
}

impl Test {
    /// As the table names it.
    pub(crate) fn shown(self) -> String {
        match self.program {
            Program::Unit(package) => format!("{package}::{}", self.name),
            Program::Integration(package, program) => format!("{package}/{program}::{}", self.name),
        }
    }

    /// What kind of proof it belongs to.
    pub(crate) fn kind(self) -> &'static str {
        match (self.program, self.name.starts_with("lane::simulation")) {
            (Program::Unit("runtime"), true) => "the lane's simulation",
            (Program::Integration("harness", "simulation"), _) => "the choreography's simulation",
            (Program::Integration("auditor", _), _) => "auditor",
            (Program::Integration("harness", "pipeline"), _) => "whole pipeline",
            (Program::Unit(_) | Program::Integration(..), _) => "beside the code",
        }
    }
}
