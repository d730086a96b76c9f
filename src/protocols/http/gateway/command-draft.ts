import { createHash } from 'node:crypto'
import type { CommandDraft, Session } from '../../../gateway/engine.ts'
import { commitmentMark } from '../../../shared/commitment.ts'
import { PamError } from '../../../shared/errors.ts'
import { requestText } from '../record/request-text.ts'
import { MAX_JUDGED, shownBody } from '../request/read-request.ts'
import type { HttpTarget } from '../target.ts'
import type { HttpCommand } from './read-command.ts'

/** A request as the session judges, records and holds it. `read`: reads it once more, right before an approved one is forwarded. */
export function draftOf(
  command: HttpCommand,
  session: Pick<Session<HttpTarget>, 'masking' | 'commitment'>,
  read: () => HttpCommand,
): CommandDraft {
  const { head, request, trailers, bytes, facts, refusal } = command
  const headers: HttpCommand['headers'] =
    request?.upgrade === undefined ? command.headers : [['upgrade', request.upgrade], ...command.headers]
  const content =
    request === undefined || bytes === undefined ? undefined : shownBody(head.headers, request.body, bytes)
  const { shown, recorded } =
    request === undefined
      ? unreadText(command, session)
      : requestText(request, head.target, { headers, trailers }, content, session)
  return {
    text: shown,
    parameters: [],
    facts,
    recorded,
    comparisons: [],
    notes: () => [],
    estimate: () => Promise.resolve(undefined),
    refusal,
    tooLarge: tooLargeFor(request, bytes, content),
    context: {
      // What is shown leaves out what no text can show.
      request: `${head.method} ${head.target}`,
      headers: JSON.stringify(headers),
      ...(trailers.length === 0 ? {} : { trailers: JSON.stringify(trailers) }),
      body: bytes === undefined ? '' : createHash('sha256').update(bytes).digest('hex'),
    },
    inTransaction: false,
    again: () => Promise.resolve(draftOf(read(), session, read)),
  }
}

function tooLargeFor(
  request: HttpCommand['request'],
  bytes: Buffer | undefined,
  content: Buffer = Buffer.alloc(0),
): PamError | undefined {
  if (bytes === undefined) return request?.grpc === undefined ? TOO_LONG : NOT_ENDED
  return Math.max(bytes.length, content.length) > MAX_JUDGED ? TOO_LONG : undefined
}

/** Whoever decides must see all that would be sent. */
const TOO_LONG = new PamError(
  'MESSAGE_TOO_LARGE',
  'the request needs approval, but its body is too long to show to an approver: more than 1 MiB, or than maxBody of the target',
)

const NOT_ENDED = new PamError(
  'MESSAGE_TOO_LARGE',
  'the call needs approval, and its messages have not ended: an approver must see all of them',
)

/** Nobody can tell what in it is secret. */
function unreadText(
  { head, bytes }: HttpCommand,
  session: Pick<Session, 'commitment'>,
): { readonly shown: string; readonly recorded: CommandDraft['recorded'] } {
  const original = `${head.method} ${head.target}\n\n${bytes?.toString('utf8') ?? ''}`
  const text = commitmentMark(`a request that could not be read, ${session.commitment(original)}`)
  return { shown: text, recorded: { text, parameters: [], detached: original } }
}
