//! The `guichet` command: parses the command line and hands over.

use std::process::ExitCode;

fn main() -> ExitCode {
    guichet::cli::main()
}
