import type { Review } from '../../api/schemas/review.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import { PamError } from '../../shared/errors.ts'
import { durationOption, forHowLong, jsonOption, type AddCommand } from '../command.ts'
import { approveInBrowser } from '../approve-in-browser.ts'
import type { CliContext } from '../context.ts'
import {
  decideAtTerminal,
  needPending,
  type Answer,
  type TerminalDecision,
  type TerminalParts,
} from '../decide-at-terminal.ts'
import { Exit } from '../exit-codes.ts'
import { needId } from '../ids.ts'
import { pickReview, type ReviewChoice } from '../pick-review.ts'
import { cardOf, folded } from '../review-card.ts'
import { visibleInLine } from '../../shared/visible.ts'
import { signIn } from './login.ts'
import { dropTyped } from '../typed-ahead.ts'
import { watchReviews } from '../watch-reviews.ts'

/** `pamctl reviews`: requests and commands that await your decision. */
export const reviews: AddCommand = (program, run) => {
  program
    .command('reviews')
    .description('list what is waiting for your decision')
    .option(
      '-w, --watch',
      'keep running; report each new item here and as a desktop notification, and, on a terminal, ask for your decision',
    )
    .option('--no-notify', 'with --watch: no desktop notifications')
    .addOption(jsonOption())
    .action(
      run(async (context: CliContext, options: { json?: boolean; watch?: boolean; notify: boolean }) => {
        const { io, client } = context
        if (options.watch === true) {
          const asks = io.interactive && options.json !== true
          let wasTaken = false
          const ask = async (review: Review): Promise<void> =>
            void (wasTaken = await decideAsItComes(context, review, wasTaken))
          return watchReviews(context, { ...options, ...(asks ? { ask } : {}) })
        }
        const items = await (await client()).reviews.list()
        if (options.json) return io.json(items)
        if (items.length === 0) return io.note('nothing is waiting for you')
        await io.table(
          items,
          {
            ID: ({ id }) => id,
            KIND: ({ kind }) => kind,
            WHO: ({ requester }) => requester.label,
            TARGET: ({ target }) => target,
            WAITING: ({ createdAt }) => io.age(createdAt).replace(' ago', ''),
            WHAT: (review) => review.text ?? `${forHowLong(review.lengthMs ?? 0)}: ${review.reason ?? ''}`,
            ...(items.some(({ asking }) => asking !== undefined) ? { ASKED: ({ asking = '' }) => asking } : {}),
          },
          // The id says of which kind it is.
          { leaveOutFirst: ['KIND', 'WAITING'] },
        )
        if (io.stdoutIsTerminal)
          io.note('to decide: pamctl approve ID or pamctl deny ID; as they come: pamctl reviews --watch')
      }),
    )
}

interface DecisionOptions {
  readonly comment?: string
  readonly for?: number
  readonly yes?: boolean
  readonly json?: boolean
}

/** `pamctl approve [ID]`: a request for access, or a held command. */
export const approve: AddCommand = (program, run) => {
  program
    .command('approve [id]')
    .description('approve a request for access or a held command')
    .option('--comment <text>', 'shown to the requester')
    .addOption(durationOption('--for <duration>', 'grant a shorter time', 'PAMCTL_APPROVE_FOR'))
    .option('-y, --yes', 'do not ask for confirmation')
    .addOption(jsonOption())
    .action(
      run((context: CliContext, id: string | undefined, options: DecisionOptions) =>
        decide(context, id, 'approve', options),
      ),
    )
}

/** `pamctl deny [ID]`. */
export const deny: AddCommand = (program, run) => {
  program
    .command('deny [id]')
    .description('deny a request for access or a held command')
    .option('--comment <text>', 'shown to the requester')
    .option('-y, --yes', 'do not ask for confirmation')
    .addOption(jsonOption())
    .action(
      run((context: CliContext, id: string | undefined, options: DecisionOptions) =>
        decide(context, id, 'deny', options),
      ),
    )
}

async function decide(
  context: CliContext,
  asked: string | undefined,
  verdict: 'approve' | 'deny',
  options: DecisionOptions,
): Promise<void> {
  const { io } = context
  if (asked !== undefined) needId(asked, 'req', 'apr')
  const api = await context.client()
  const review = asked === undefined ? await pickReview(io, api, choose) : await api.reviews.get(asked)
  needPending(review, (time) => io.clock(time))
  const asksHere = io.interactive && options.yes !== true
  const { comment = '' } = options
  if (asksHere && !review.mayDecide) {
    await show(review, context)
    throw new PamError('NOT_ALLOWED', visibleInLine(`you cannot decide on ${review.id}: ${review.whyNot ?? ''}`), {
      id: review.id,
    })
  }
  const decided = asksHere
    ? await askAtTerminal(context, api, review, { comment, preset: verdict })
    : { review, verdict, comment }
  if (!asksHere) await show(review, context)
  if (decided === undefined) throw new Exit(1)
  await send(context, api, decided, options)
}

/**
 * Asks about a review that has just come. Why a decision was not taken is said, and the next one is waited for. Resolves to whether the last question was
 * taken away, with keys for it perhaps on their way.
 */
async function decideAsItComes(context: CliContext, { id }: Review, isReplacing: boolean): Promise<boolean> {
  const api = await context.client()
  try {
    const review = await api.reviews.get(id)
    if (review.state !== 'pending' || !review.mayDecide) return isReplacing
    const decided = await askAtTerminal(context, api, review, { comment: '', preset: 'approve', isReplacing })
    if (decided !== undefined) await send(context, api, decided, {})
    return false
  } catch (error) {
    if (!(error instanceof PamError)) throw error
    context.io.tell(visibleInLine(error.message))
    await dropTyped(process.stdin, () => process.kill(process.pid, 'SIGINT'))
    return true
  }
}

/** What somebody decides who is shown the card. */
function askAtTerminal(
  { io, ...context }: CliContext,
  api: ApiClient,
  review: Review,
  {
    comment,
    preset,
    isReplacing = false,
  }: { readonly comment: string; readonly preset: 'approve' | 'deny'; readonly isReplacing?: boolean },
): Promise<TerminalDecision | undefined> {
  const parts = {
    api,
    show: (shown) => show(shown, { io, ...context }),
    note: (text) => io.tell(text),
    clock: (time) => io.clock(time),
    ask: async ({ id }, said, signal) => {
      const { select } = await import('@inquirer/prompts')
      const choices = [
        { value: 'skip', name: 'Skip: decide nothing now' },
        { value: 'approve', name: 'Approve' },
        { value: 'deny', name: 'Deny' },
        { value: 'comment', name: said === '' ? 'Comment …' : visibleInLine(`Comment: ${said}`) },
      ] as const
      // Never an approval: a key that was pressed for something else decides nothing.
      const asked = {
        message: visibleInLine(`What about ${id}?`),
        choices,
        default: preset === 'deny' ? 'deny' : 'skip',
      } as const
      return select<Answer>(asked, { output: process.stderr, signal })
    },
    askComment: async (said, signal) => {
      const { input } = await import('@inquirer/prompts')
      return input({ message: 'Comment, shown to the requester:', default: said }, { output: process.stderr, signal })
    },
    askEnd: async (end, signal) => {
      const { input } = await import('@inquirer/prompts')
      const message = `The question before was taken away. To approve this one, type ${end}, the end of its id:`
      return input({ message }, { output: process.stderr, signal })
    },
  } satisfies TerminalParts
  return decideAtTerminal(review, comment, parts, isReplacing)
}

async function send(
  context: CliContext,
  api: ApiClient,
  { review, verdict, comment }: TerminalDecision,
  options: DecisionOptions,
): Promise<void> {
  const { io } = context
  if (verdict === 'approve' && review.approvers.stepUp === 'passkey' && review.mayDecide)
    return approveInBrowser(context, api, review, { ...options, comment })
  const decision = {
    verdict,
    comment,
    ...(options.for === undefined || verdict === 'deny' ? {} : { lengthMs: options.for }),
    ...(review.digest === undefined ? {} : { digest: review.digest }),
  }
  const decided = await api.reviews.decide(review.id, decision).catch(async (error: unknown) => {
    if (!(error instanceof PamError) || error.code !== 'SIGN_IN_TOO_OLD' || !io.interactive) throw error
    io.note('Approving needs a recent sign-in.')
    await signIn(context, { browser: true, fresh: true })
    return api.reviews.decide(review.id, decision)
  })
  if (options.json) return io.json(decided)
  const until = decided.grant === undefined ? '' : `, until ${io.clock(decided.grant.endsAt)}`
  io.note(`${decided.review.id} ${visibleInLine(decided.review.status)}${until}`)
}

async function choose(choices: readonly ReviewChoice[]): Promise<Review> {
  const { select } = await import('@inquirer/prompts')
  return select({ message: 'Which one?', choices }, { output: process.stderr })
}

/** Everything the decision covers, before it is asked for. */
async function show(review: Review, { io }: Pick<CliContext, 'io'>): Promise<void> {
  const who = visibleInLine(`${review.requester.label} on ${review.target}`)
  // Neither is part of what is decided on: that the webhook has answered changes no card.
  const asking =
    review.asking === undefined
      ? []
      : [`  asked   ${visibleInLine(`the webhook "${review.asking}", which may approve it meanwhile`)}`]
  const people = review.people === undefined ? [] : [`  note    ${visibleInLine(`people decide: ${review.people}`)}`]
  const card = [
    `${review.id}  ${who}, asked ${io.age(review.createdAt)}`,
    ...cardOf(review, (time) => io.clock(time)),
    ...asking,
    ...people,
  ]
  for (const line of await folded(card, io.columns)) io.tell(line)
}
