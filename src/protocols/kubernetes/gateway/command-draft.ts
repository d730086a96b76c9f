import { createHash } from 'node:crypto'
import type { CommandBatch, CommandDraft, Recordable, Session } from '../../../gateway/engine.ts'
import type { Facts } from '../../../policy/command.ts'
import { commitmentMark } from '../../../shared/commitment.ts'
import { valueOf } from '../../http/wire/headers.ts'
import { requestText } from '../record/request-text.ts'
import { forwardFacts } from '../streams/stream-facts.ts'
import type { KubernetesTarget } from '../target.ts'
import { maskingRefusal } from './answer-masking.ts'
import { batchOf } from './command-batch.ts'
import type { KubernetesCommand } from './read-command.ts'
import { impersonatedUser } from './upstream-headers.ts'

type KubernetesSession = Session<KubernetesTarget>

/** A request as the session judges, records and holds it. */
export function draftOf(
  command: KubernetesCommand,
  session: KubernetesSession,
  again: () => Promise<KubernetesCommand> = () => Promise.resolve(command),
): CommandDraft {
  const { head, request, body, bytes } = command
  const { shown, recorded } =
    request === undefined ? unreadText(command, session) : requestText(request, head.target, body, bytes, session)
  const told = { text: shown, recorded, facts: command.facts, batch: batchOf(command) }
  return draft(command, session, told, async () => draftOf(await again(), session, again))
}

/** One connection to a port, which is said by the stream and not by the request that began it. */
export function portDraftOf(command: KubernetesCommand, port: number, session: KubernetesSession): CommandDraft {
  const { head, request, body, bytes } = command
  const [around] = command.statements
  if (around === undefined || request === undefined) throw new Error('a request without a statement')
  const { shown, recorded } = requestText(request, head.target, body, bytes, session)
  return draft(command, session, {
    text: `${shown} port ${port}`,
    recorded: { ...recorded, text: `${recorded.text} port ${port}` },
    facts: forwardFacts(around, port),
  })
}

interface Told {
  readonly text: string
  readonly recorded: Recordable
  readonly facts: Facts
  readonly batch?: CommandBatch | undefined
}

function draft(
  command: KubernetesCommand,
  session: KubernetesSession,
  { text, recorded, facts, batch }: Told,
  again?: () => Promise<CommandDraft>,
): CommandDraft {
  const { head, bytes, refusal, transport, place } = command
  const { impersonate } = session.config
  const made: CommandDraft = {
    text,
    parameters: [],
    facts,
    recorded,
    comparisons: [],
    notes: () => (place === undefined ? [] : [place.note]),
    estimate: () => Promise.resolve(undefined),
    batch,
    refusal: refusal ?? maskingRefusal(command, session),
    context: {
      // What is shown has secrets left out, so it is not all that would run.
      request: `${head.method} ${head.target}`,
      body: createHash('sha256').update(bytes).digest('hex'),
      contentType: valueOf(head.headers, 'content-type') ?? '',
      accept: valueOf(head.headers, 'accept') ?? '',
      transport: transport === undefined ? '' : [transport.protocol, ...transport.offered].join(' '),
      pod: place?.pod ?? '',
      container: place === undefined ? '' : `${place.container} ${place.image}`,
      impersonated: impersonate === undefined ? '' : impersonatedUser(session.person, impersonate),
    },
    inTransaction: false,
    again: again ?? (() => Promise.resolve(made)),
  }
  return made
}

/** Nobody can tell what in it is secret. */
function unreadText(
  { head, bytes }: KubernetesCommand,
  session: Pick<Session, 'commitment'>,
): { readonly shown: string; readonly recorded: Recordable } {
  const original = `${head.method} ${head.target}\n\n${bytes.toString('utf8')}`
  const text = commitmentMark(`a request that could not be read, ${session.commitment(original)}`)
  // Why it could not be read names no value of it; what it is called has all of its target.
  const keep = (said: string): string => said.replaceAll(head.target, '(unread path)')
  return { shown: text, recorded: { text, parameters: [], detached: original, keep } }
}
