import { pieces, recordedPieces } from '../../../src/shared/visible.ts'

/** Untrusted text: characters that are invisible or look like others are marked. `recorded`: the text is from a recording, which has escaped them already. */
export function Text({ children, recorded = false }: { children: string; recorded?: boolean }) {
  return (
    <>
      {(recorded ? recordedPieces(children) : pieces(children)).map((piece, index) =>
        piece.kind === 'text' ? (
          piece.text
        ) : (
          <mark key={index} title={`${piece.code}: ${piece.what}`}>
            {piece.kind === 'hidden' ? `⟨${piece.code}⟩` : piece.text}
          </mark>
        ),
      )}
    </>
  )
}
