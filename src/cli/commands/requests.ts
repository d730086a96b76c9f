import type { NewRequest, Target } from '../../api/schemas/access.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import { formatDuration } from '../../shared/duration.ts'
import { PamError, UsageError } from '../../shared/errors.ts'
import { visibleInLine } from '../../shared/visible.ts'
import { durationOption, forHowLong, jsonOption, labelOption, startOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { needId } from '../ids.ts'
import { targetNamed } from '../target-named.ts'
import {
  needApproved,
  noteApproved,
  noteFiled,
  reasonFor,
  waitForRequest,
  type OpenRequest,
  type ReasonOptions,
} from '../wait-for-request.ts'
import { requestCommand } from '../../shared/request-command.ts'

interface RequestOptions extends ReasonOptions {
  readonly label?: Readonly<Record<string, string>>
  readonly skipUnavailable?: boolean
  readonly for?: number
  readonly wait?: boolean
  readonly start?: number
  readonly link?: boolean
  readonly json?: boolean
}

/** `pamctl request TARGET…`: asks for access without connecting. */
export const request: AddCommand = (program, run) => {
  program
    .command('request [targets...]')
    .description('request access to a target, or to several with one decision')
    .addOption(labelOption())
    .option('--skip-unavailable', 'leave out targets that cannot be requested')
    .addOption(durationOption('--for <duration>', 'duration to request, such as 30m', 'PAMCTL_FOR'))
    .option('--reason <text>', 'why')
    .option('--edit', 'write the reason in your editor')
    .addOption(startOption())
    .option('--link', 'print a link to the dashboard with this request filled in; nothing is requested')
    .option('--wait', 'wait for the decision; Ctrl-C withdraws the request')
    .addOption(jsonOption())
    .action(
      run(async (context: CliContext, named: readonly string[], options: RequestOptions) => {
        const { io } = context
        needTargets(named, options)
        const api = await context.client()
        if (options.link === true) {
          const url = requestLink(api.gateway, named, options)
          return options.json ? io.json({ url }) : io.print(url)
        }
        const reason = await reasonFor(context, await api.targets(), { names: named, labels: options.label }, options)
        await send(context, api, options, async () => {
          const made = await api.requests.create({
            ...asked(named, options),
            ...(options.skipUnavailable === undefined ? {} : { skipUnavailable: options.skipUnavailable }),
            reason,
            ...(options.for === undefined ? {} : { lengthMs: options.for }),
            ...(options.start === undefined ? {} : { startsAt: new Date(options.start).toISOString() }),
          })
          for (const { target, reason: why } of made.skipped ?? [])
            io.note(visibleInLine(`not requested: ${target}: ${why}`))
          const what = (made.targets?.length ?? 1) === 1 ? '' : ` to ${made.target}`
          noteFiled(io, made, `requested access${what}`)
          return { request: made, isOurs: true }
        })
      }),
    )
}

/** Makes a request and prints it: as it is, or with `--wait` as it was decided; then it throws unless it was approved. */
async function send(
  { io }: CliContext,
  api: ApiClient,
  { wait, json }: Pick<RequestOptions, 'wait' | 'json'>,
  open: () => Promise<OpenRequest>,
): Promise<void> {
  const decided = wait ? await waitForRequest(api, open, io) : (await open()).request
  if (!wait) noteApproved(io, decided)
  if (json) io.json(decided)
  else io.print(decided.id)
  if (wait) needApproved(decided)
}

/** Targets by name or by label. */
function needTargets(named: readonly string[], { label }: RequestOptions): void {
  if (named.length > 0 === (label !== undefined))
    throw new UsageError(
      named.length > 0 ? 'targets are named, or selected with --label' : 'no target given',
      'give names of targets, or --label such as --label env=prod',
    )
}

/** One target as gateways up to 0.2 are asked for it. */
function asked(named: readonly string[], { label }: RequestOptions): Pick<NewRequest, 'target' | 'targets' | 'labels'> {
  if (label !== undefined) return { labels: { ...label } }
  const [only, ...others] = named
  return only !== undefined && others.length === 0 ? { target: only } : { targets: [...named] }
}

/** The dashboard's page with a form that is filled in, and that a person sends. */
export function requestLink(
  gateway: string,
  targets: readonly string[],
  { label = {}, for: length, reason, start }: Pick<RequestOptions, 'label' | 'for' | 'reason' | 'start'>,
): string {
  const query = new URLSearchParams([
    ...targets.map((target): [string, string] => ['target', target]),
    ...Object.entries(label).map(([name, value]): [string, string] => ['label', `${name}=${value}`]),
    ...named('for', length === undefined ? undefined : formatDuration(length)),
    ...named('start', start === undefined ? undefined : new Date(start).toISOString()),
    ...named('reason', reason),
  ])
  return `${gateway}/access?${query.toString()}`
}

const named = (key: string, value: string | undefined): [string, string][] =>
  value === undefined ? [] : [[key, value]]

/** `pamctl extend TARGET`: asks for more time before the end; sessions live on. */
export const extend: AddCommand = (program, run) => {
  program
    .command('extend <target>')
    .description('ask for more time on a target that you have access to, before it ends')
    .addOption(durationOption('--for <duration>', 'time to add, such as 30m', 'PAMCTL_FOR'))
    .option('--reason <text>', 'why')
    .option('--edit', 'write the reason in your editor')
    .option('--wait', 'wait for the decision; Ctrl-C withdraws the request')
    .addOption(jsonOption())
    .action(
      run(async (context: CliContext, target: string, options: RequestOptions) => {
        const { io } = context
        const api = await context.client()
        const { items } = await api.grants.list({ active: true, limit: 500 })
        const [grant] = items
          .filter((one) => one.target === target && !one.standing && one.breakGlass === undefined)
          .toSorted((a, b) => (a.endsAt < b.endsAt ? 1 : -1))
        const targets = await api.targets()
        if (grant === undefined) throw nothingToExtend(targetNamed(targets, target))
        const reason = await reasonFor(context, targets, { names: [target] }, options)
        await send(context, api, options, async () => {
          const made = await api.requests.create({
            target,
            reason,
            extends: grant.id,
            ...(options.for === undefined ? {} : { lengthMs: options.for }),
          })
          noteFiled(io, made, `asked for ${forHowLong(made.lengthMs)} more`)
          return { request: made, isOurs: true }
        })
      }),
    )
}

const nothingToExtend = ({ name, grant }: Target): PamError =>
  grant === 'standing'
    ? new PamError('NO_GRANT', `your access to ${name} is standing access, which needs no extension`, {
        hint: `when it ends, connect again: pamctl connect ${name}`,
      })
    : new PamError('NO_GRANT', `you have no access to ${name} that could be extended`, {
        hint: `request it: ${requestCommand(name)}`,
      })

/** `pamctl withdraw ID`: takes back a request, or a held command. */
export const withdraw: AddCommand = (program, run) => {
  program
    .command('withdraw <id>')
    .description('withdraw a request for access, or a held command, that is still waiting')
    .addOption(jsonOption())
    .action(
      run(async ({ io, client }: CliContext, id: string, options: { json?: boolean }) => {
        needId(id, 'req', 'apr')
        const api = await client()
        const withdrawn = id.startsWith('apr_') ? await api.reviews.withdraw(id) : await api.requests.withdraw(id)
        if (options.json) return io.json(withdrawn)
        io.print(`${withdrawn.id} withdrawn`)
      }),
    )
}

/** `pamctl requests`: yours, newest first. */
export const requests: AddCommand = (program, run) => {
  program
    .command('requests')
    .description('list requests for access')
    .addOption(jsonOption())
    .action(
      run(async ({ io, client }: CliContext, options: { json?: boolean }) => {
        const { items } = await (await client()).requests.list({ limit: 50 })
        if (options.json) return io.json(items)
        if (items.length === 0) return io.note('no requests')
        await io.table(
          items,
          {
            ID: ({ id }) => id,
            WHO: ({ requester }) => requester.label,
            TARGET: ({ target }) => target,
            FOR: ({ lengthMs }) => forHowLong(lengthMs),
            ASKED: ({ createdAt }) => io.age(createdAt),
            STATUS: ({ status, state, people }) =>
              people === undefined || state !== 'pending' ? status : `${status}: ${people}`,
            REASON: ({ reason }) => reason,
          },
          { leaveOutFirst: ['REASON', 'ASKED', 'FOR', 'WHO'] },
        )
      }),
    )
}
