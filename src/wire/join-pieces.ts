/** The pieces as one; a single one as it is, without a copy. */
export function joinPieces(pieces: readonly Buffer[]): Buffer {
  const first = pieces[0]
  return first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces)
}
