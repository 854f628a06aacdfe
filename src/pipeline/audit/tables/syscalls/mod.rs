//! The names of system calls, one generated file for each table of the kernel. Place in the flow: read by
//! [`super::Arch::syscall`] alone.

pub mod aarch64;
pub mod arm;
pub mod i386;
pub mod loongarch64;
pub mod mips;
pub mod mips64;
pub mod ppc;
pub mod ppc64;
pub mod riscv32;
pub mod riscv64;
pub mod s390x;
pub mod x32;
pub mod x86_64;
