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

/// How much memory a decoder may use, in KiB; the kernel's build asks for up to 128 MiB.
const MEMORY: u32 = 256 << 10;

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
    let alone = packed.split_last_chunk::<4>().map_or(packed, |(alone, _)| alone);
    match packed {
        [0x7f, b'E', b'L', b'F', ..] => Ok(packed.to_vec()),
        [0x1f, 0x8b, ..] => read("gzip", flate2::read::GzDecoder::new(packed)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(alone);
            read("zstd", decoder.map_err(|error| damaged("zstd", error))?)
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            read("xz", lzma_rust2::XzReader::new_mem_limit(alone, false, MEMORY))
        }
        [0x5d, 0, 0, ..] => {
            let decoder = lzma_rust2::LzmaReader::new_mem_limit(alone, MEMORY, None);
            read("LZMA", decoder.map_err(|error| damaged("LZMA", error))?)
        }
        [0x02, 0x21, 0x4c, 0x18, ..] => lz4(alone.get(4..).unwrap_or_default()),
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// An ELF file with one note.
    fn elf(name: [u8; 4], kind: u32) -> Vec<u8> {
        let mut file = vec![0; 0x40 + 0x38];
        file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
        file[0x10] = 2; // a program
        file[0x12..0x14].copy_from_slice(&62u16.to_le_bytes()); // for x86-64
        file[0x14] = 1;
        file[0x20] = 0x40; // where the program headers are
        file[0x34] = 0x40; // the length of this header
        file[0x36] = 0x38; // that of a program header
        file[0x38] = 1; // how many there are
        file[0x40] = 4; // notes
        file[0x48] = 0x78; // where they are
        file[0x60] = 20; // their length
        file[0x70] = 4; // their alignment
        for number in [4, 4, kind] {
            file.extend(number.to_le_bytes());
        }
        file.extend(name);
        file.extend([0; 4]);
        file
    }

    /// A program that is longer than a block of LZ4.
    fn kernel() -> Vec<u8> {
        let mut file = elf(*b"Xen\0", 18);
        file.extend((0..9_000_000_u32).map(|at| u8::try_from(at / 1000 % 251).unwrap()));
        file
    }

    /// A bzImage around a payload.
    fn bzimage(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 3 * 512];
        image[0x1f1] = 1;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&0x20f_u16.to_le_bytes());
        image[0x248..0x24c].copy_from_slice(&512_u32.to_le_bytes());
        let length = u32::try_from(payload.len()).unwrap();
        image[0x24c..0x250].copy_from_slice(&length.to_le_bytes());
        image.extend(payload);
        image.extend(b"what is behind it");
        image
    }

    fn gzip(program: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(program).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(program: &[u8]) -> Vec<u8> {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        with_length(ruzstd::encoding::compress_to_vec(program, level), program)
    }

    /// As the kernel's build does it: through the filter for x86.
    fn xz(program: &[u8]) -> Vec<u8> {
        let mut options = lzma_rust2::XzOptions::with_preset(0);
        options.prepend_pre_filter(lzma_rust2::filter::FilterType::BcjX86, 0);
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        encoder.write_all(program).unwrap();
        with_length(encoder.finish().unwrap(), program)
    }

    fn lzma(program: &[u8]) -> Vec<u8> {
        let options = lzma_rust2::LzmaOptions::with_preset(0);
        let mut encoder =
            lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
        encoder.write_all(program).unwrap();
        with_length(encoder.finish().unwrap(), program)
    }

    fn lz4(program: &[u8]) -> Vec<u8> {
        let mut packed = 0x184c_2102_u32.to_le_bytes().to_vec();
        for block in program.chunks(8 << 20) {
            let block = lz4_flex::block::compress(block);
            packed.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
            packed.extend(block);
        }
        with_length(packed, program)
    }

    fn with_length(mut packed: Vec<u8>, program: &[u8]) -> Vec<u8> {
        packed.extend(u32::try_from(program.len()).unwrap().to_le_bytes());
        packed
    }

    #[rstest]
    #[case::not_packed(<[u8]>::to_vec)]
    #[case::gzip(gzip)]
    #[case::zstd(zstd)]
    #[case::xz(xz)]
    #[case::lzma(lzma)]
    #[case::lz4(lz4)]
    fn the_program_inside_is_unpacked_and_its_entry_point_found(
        #[case] pack: fn(&[u8]) -> Vec<u8>,
    ) {
        let program = kernel();
        let unpacked = vmlinux(&bzimage(&pack(&program))).unwrap();
        assert!(unpacked == program, "{} of {} bytes", unpacked.len(), program.len());
        assert_eq!(has_pvh_entry(&*unpacked), Ok(true));
    }

    #[rstest]
    #[case::gzip(gzip, "gzip")]
    #[case::zstd(zstd, "zstd")]
    #[case::xz(xz, "xz")]
    #[case::lzma(lzma, "LZMA")]
    #[case::lz4(lz4, "LZ4")]
    fn packed_data_that_is_cut_off_is_damaged(
        #[case] pack: fn(&[u8]) -> Vec<u8>,
        #[case] name: &str,
    ) {
        let packed = pack(&kernel());
        let error = vmlinux(&bzimage(&packed[..packed.len() / 2])).unwrap_err();
        assert!(matches!(&error, Error::Damaged { packing, .. } if *packing == name), "{error}");
    }

    #[rstest]
    #[case::of_another(*b"GNU\0", 18, Ok(false))]
    #[case::of_another_kind(*b"Xen\0", 6, Ok(false))]
    #[case::the_one(*b"Xen\0", 18, Ok(true))]
    fn only_one_note_is_the_entry_point(
        #[case] name: [u8; 4],
        #[case] kind: u32,
        #[case] answer: Result<bool, Error>,
    ) {
        assert_eq!(has_pvh_entry(&*elf(name, kind)), answer);
    }

    #[test]
    fn what_is_no_bzimage_is_told_from_one_that_is_broken() {
        assert_eq!(vmlinux(b"#!/bin/sh\n"), Err(Error::NotBzImage));
        let image = bzimage(&elf(*b"Xen\0", 18));
        assert_eq!(vmlinux(&image[..0x240]), Err(Error::CutOff { has: 0x240, needs: 0x250 }));
        let needs = image.len() - b"what is behind it".len();
        assert_eq!(vmlinux(&image[..1600]), Err(Error::CutOff { has: 1600, needs }));
        assert_eq!(vmlinux(&bzimage(b"BZh9")), Err(Error::Packing(*b"BZh9")));
        assert_eq!(vmlinux(&bzimage(&gzip(b"no program"))), Err(Error::NotElf));
        let mut old = image;
        old[0x206] = 7;
        assert_eq!(vmlinux(&old), Err(Error::Old(0x207)));
        assert_eq!(Error::Old(0x207).to_string(), "its boot protocol is 2.07, before 2.08");
    }

    proptest! {
        #[test]
        fn no_bytes_at_all_bring_it_down(
            magic in prop::sample::select(vec![
                &b"\x7fELF\x02\x01\x01\0"[..], b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd",
                b"\xfd7zXZ\0\0\x04", b"\x5d\0\0\x80\0", b"\x02\x21\x4c\x18", b"",
            ]),
            noise in prop::collection::vec(any::<u8>(), 0..600),
            header in prop::collection::vec((0x1f1_usize..0x260, any::<u8>()), 0..4),
        ) {
            let mut image = bzimage(&[magic, &noise].concat());
            let _ = vmlinux(&image);
            for (place, byte) in header {
                image[place] = byte;
            }
            let _ = vmlinux(&image);
            let _ = has_pvh_entry(&*[magic, &noise].concat());
        }

        #[test]
        fn no_flipped_bit_brings_it_down(
            packing in 0..5_usize,
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            static PACKED: LazyLock<[Vec<u8>; 5]> = LazyLock::new(|| {
                [gzip, zstd, xz, lzma, lz4].map(|pack| pack(&elf(*b"Xen\0", 18)))
            });
            let mut packed = PACKED[packing].clone();
            let at = at.index(packed.len());
            packed[at] ^= 1 << bit;
            let _ = vmlinux(&bzimage(&packed));
        }
    }
}
