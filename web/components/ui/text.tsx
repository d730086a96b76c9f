import { pieces, recordedPieces } from '../../../src/shared/visible.ts'
import { wordsOf } from '../../../src/protocols/names.ts'
import { highlight, linesOf } from '../../lib/highlight.ts'

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

/** Exactly what would run, line by line; misleading characters are marked and counted. */
export function Code({ text, protocol, label }: { text: string; protocol: string; label: string }) {
  const lines = linesOf(highlight(text, wordsOf(protocol).language))
  const marked = pieces(text).filter(({ kind }) => kind !== 'text')
  return (
    <>
      <pre class="code" tabIndex={0} role="region" aria-label={label} data-testid="code">
        {lines.map((tokens, index) => (
          <span class="line" key={index}>
            <span class="number" aria-hidden="true">
              {index + 1}
            </span>
            <span class="text">
              {tokens.map((token, at) =>
                token.kind === 'plain' ? (
                  <Text key={at}>{token.text}</Text>
                ) : (
                  <span key={at} class={token.kind}>
                    <Text>{token.text}</Text>
                  </span>
                ),
              )}
              {'\n'}
            </span>
          </span>
        ))}
      </pre>
      {marked.length > 0 && (
        <p class="note warn small" role="note">
          {marked.length === 1 ? '1 character in this text is' : `${marked.length} characters in this text are`}{' '}
          invisible or misleading:{' '}
          {[...new Set(marked.map((piece) => (piece.kind === 'text' ? '' : `${piece.code} (${piece.what})`)))]
            .slice(0, 6)
            .join(', ')}
        </p>
      )}
    </>
  )
}
