/** Archives and compressed data, by what they begin with. Undefined while there is too little to tell. */
export function isArchiveHead(bytes: Buffer): boolean | undefined {
  if (MAGIC.some((magic) => bytes.subarray(0, magic.length).equals(magic))) return true
  if (bytes.length < TAR_AT + TAR.length) return undefined
  return bytes.subarray(TAR_AT, TAR_AT + TAR.length).equals(TAR)
}

/** As many bytes as it takes to tell. */
export const ARCHIVE_HEAD_BYTES = 262

/** POSIX and GNU write it into the first header. */
const TAR = Buffer.from('ustar')
const TAR_AT = 257
/** gzip, bzip2, xz, zstd, zip. */
const MAGIC = ['1f8b08', '425a68', 'fd377a585a00', '28b52ffd', '504b0304'].map((hex) => Buffer.from(hex, 'hex'))
