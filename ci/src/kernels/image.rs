//! Kernel images: what a file is, and the ELF program inside of a bzImage.
//!
//! A bzImage unpacks itself, which an emulated CPU takes seconds for; QEMU starts the program
//! inside of it at once, if it has an entry point for PVH. Where the parts of a bzImage lie is told
//! in the kernel's Documentation/arch/x86/boot.rst, the entry point in the PVH boot ABI of Xen
//! (`XEN_ELFNOTE_PHYS32_ENTRY`, xen/include/public/elfnote.h).

use std::io::Read;

use object::elf::{EM_X86_64, FileHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::{Endianness, ReadRef};

/// How much of a file [`look`] wants to see.
pub const HEAD: usize = 4096;

/// No kernel is larger than this when it is unpacked.
const LARGEST: u64 = 1 << 30;

/// What a file is, as its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// An ELF file, as `vmlinux` is one.
    Elf,
    /// A kernel that unpacks itself, as `vmlinuz` is one.
    BzImage,
    /// No kernel: what it is instead, with its article.
    Other(&'static str),
}

/// Why there is no program to be had from an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not begin like a bzImage.
    #[error("it is no bzImage")]
    NotBzImage,
    /// Its header is from before Linux 2.6.25 and does not say where the program lies.
    #[error("its boot protocol is {}.{:02}, before 2.08", .0 >> 8, .0 & 0xff)]
    Old(u16),
    /// The file ends before the program does.
    #[error("it is cut off: {has} of at least {needs} bytes are there")]
    CutOff {
        /// The length of the file.
        has: usize,
        /// What its header asks for.
        needs: usize,
    },
    /// The program is packed in a way that nothing here unpacks.
    #[error("it is packed in a way that is not known here, beginning with {0:02x?}")]
    Packing([u8; 4]),
    /// What is packed cannot be unpacked.
    #[error("its {packing} data is damaged: {why}")]
    Damaged {
        /// How it is packed.
        packing: &'static str,
        /// What its decoder said.
        why: String,
    },
    /// It is no ELF program for x86-64.
    #[error("it is no ELF program for x86-64")]
    NotElf,
}

/// What a file is whose first bytes, up to [`HEAD`], these are.
pub fn look(head: &[u8]) -> Image {
    if head.starts_with(b"\x7fELF") {
        Image::Elf
    } else if head.get(0x202..0x206) == Some(b"HdrS") {
        Image::BzImage
    } else if head.is_empty() {
        Image::Other("an empty file")
    } else if head.starts_with(b"\x1f\x8b") {
        Image::Other("a gzip archive")
    } else if head.get(0x38..0x3c) == Some(b"ARM\x64") {
        Image::Other("a kernel for arm64")
    } else if !head.contains(&0) && is_text(head) {
        Image::Other("a text file")
    } else {
        Image::Other("a file of an unknown kind")
    }
}

/// Whether it is UTF-8, but for a last character that may be cut off.
fn is_text(head: &[u8]) -> bool {
    std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// The ELF program inside of a bzImage, unpacked: `vmlinux` without its symbols.
pub fn vmlinux(image: &[u8]) -> Result<Vec<u8>, Error> {
    if look(image) != Image::BzImage {
        return Err(Error::NotBzImage);
    }
    let cut_off = |needs| Error::CutOff { has: image.len(), needs };
    let header = image.get(..0x250).ok_or_else(|| cut_off(0x250))?;
    let version = u16::from_le_bytes([header[0x206], header[0x207]]);
    if version < 0x208 {
        return Err(Error::Old(version));
    }
    let setup_sectors = if header[0x1f1] == 0 { 4 } else { usize::from(header[0x1f1]) };
    let start = (setup_sectors + 1) * 512 + number(&header[0x248..]);
    let end = start + number(&header[0x24c..]);
    let packed = image.get(start..end).ok_or_else(|| cut_off(end))?;
    let program = unpack(packed)?;
    if look(&program) == Image::Elf { Ok(program) } else { Err(Error::NotElf) }
}

/// A number of the header; the callers know that four bytes are there.
fn number(bytes: &[u8]) -> usize {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize
}

/// Unpacks what its first bytes say is packed. Behind all but gzip's own format, the kernel's
/// build appends the unpacked length, in four bytes.
fn unpack(packed: &[u8]) -> Result<Vec<u8>, Error> {
    let tail = packed.len().saturating_sub(4);
    match packed {
        [0x7f, b'E', b'L', b'F', ..] => Ok(packed.to_vec()),
        [0x1f, 0x8b, ..] => read("gzip", flate2::read::GzDecoder::new(packed)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(&packed[..tail]);
            read("zstd", decoder.map_err(|error| damaged("zstd", error))?)
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            read("xz", lzma_rust2::XzReader::new(&packed[..tail], false))
        }
        [0x5d, 0, 0, ..] => {
            let decoder = lzma_rust2::LzmaReader::new_mem_limit(&packed[..tail], 1 << 20, None);
            read("LZMA", decoder.map_err(|error| damaged("LZMA", error))?)
        }
        [0x02, 0x21, 0x4c, 0x18, ..] => lz4(&packed[4..tail]),
        [a, b, c, d, ..] => Err(Error::Packing([*a, *b, *c, *d])),
        _ => Err(Error::NotElf),
    }
}

fn damaged(packing: &'static str, why: impl ToString) -> Error {
    Error::Damaged { packing, why: why.to_string() }
}

fn read(packing: &'static str, decoder: impl Read) -> Result<Vec<u8>, Error> {
    let mut program = Vec::new();
    let length = decoder.take(LARGEST).read_to_end(&mut program);
    match length {
        Ok(length) if length as u64 == LARGEST => Err(damaged(packing, "it does not end")),
        Ok(_) => Ok(program),
        Err(error) => Err(damaged(packing, error)),
    }
}

/// The legacy frame of LZ4, behind its magic number: blocks of up to 8 MiB, each behind its packed
/// length.
fn lz4(mut packed: &[u8]) -> Result<Vec<u8>, Error> {
    const BLOCK: usize = 8 << 20;
    let mut program = Vec::new();
    while let Some((length, rest)) = packed.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let block = rest.get(..length).ok_or_else(|| damaged("LZ4", "a block is cut off"))?;
        let start = program.len();
        if start as u64 > LARGEST {
            return Err(damaged("LZ4", "it does not end"));
        }
        program.resize(start + BLOCK, 0);
        let unpacked = lz4_flex::block::decompress_into(block, &mut program[start..]);
        program.truncate(start + unpacked.map_err(|error| damaged("LZ4", error))?);
        packed = &rest[length..];
    }
    Ok(program)
}

/// Whether QEMU can start this ELF program: whether it names an entry point for PVH, as kernels
/// with `CONFIG_PVH` do (Linux 5.0 and later).
pub fn has_pvh_entry<'data>(elf: impl ReadRef<'data>) -> Result<bool, Error> {
    /// `XEN_ELFNOTE_PHYS32_ENTRY`.
    const PHYS32_ENTRY: object::elf::NoteType = object::elf::NoteType(18);
    let search = || -> object::read::Result<Option<bool>> {
        let header = FileHeader64::<Endianness>::parse(elf)?;
        let endian = header.endian()?;
        if header.e_machine(endian) != EM_X86_64 {
            return Ok(None);
        }
        for segment in header.program_headers(endian, elf)? {
            let Some(mut notes) = segment.notes(endian, elf)? else { continue };
            while let Ok(Some(note)) = notes.next() {
                if note.name() == b"Xen" && note.n_type(endian) == PHYS32_ENTRY {
                    return Ok(Some(true));
                }
            }
        }
        Ok(Some(false))
    };
    search().ok().flatten().ok_or(Error::NotElf)
}
