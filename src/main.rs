//! Arguments in, exit code out. All else is the library's, but for the allocator, which a program chooses.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    trailhound::cli::main()
}
