//! Arguments in, exit code out. All else is the library's.

fn main() -> std::process::ExitCode {
    trailhound::cli::main()
}
