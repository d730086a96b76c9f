import { pieces } from '../../../src/shared/visible.ts'
import { wordsOf } from '../../../src/protocols/names.ts'
import { highlight, highlightRecorded, linesOf, type Token } from '../../lib/highlight.ts'
import { Text } from './text.tsx'

/** A command in colours; untrusted, like any text. `recorded`: as in Text. */
export function Tokens({
  text,
  language,
  recorded = false,
}: {
  text: string
  language: 'sql' | 'shell'
  recorded?: boolean
}) {
  return <Coloured tokens={(recorded ? highlightRecorded : highlight)(text, language)} recorded={recorded} />
}

function Coloured({ tokens, recorded = false }: { tokens: readonly Token[]; recorded?: boolean }) {
  return (
    <>
      {tokens.map((token, at) =>
        token.kind === 'plain' ? (
          <Text key={at} recorded={recorded}>
            {token.text}
          </Text>
        ) : (
          <span key={at} class={token.kind}>
            <Text recorded={recorded}>{token.text}</Text>
          </span>
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
      <pre class="code" tabIndex={0} role="group" aria-label={label} data-testid="code">
        {lines.map((tokens, index) => (
          <span class="line" key={index}>
            <span class="number" aria-hidden="true">
              {index + 1}
            </span>
            <span class="text">
              <Coloured tokens={tokens} />
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
