import { durationOption, forHowLong, jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { reasonFor, waitForRequest } from '../wait-for-request.ts'

interface RequestOptions {
  readonly for?: number
  readonly reason?: string
  readonly wait?: boolean
  readonly json?: boolean
}

/** `pamctl request TARGET`: asks for access without connecting. */
export const request: AddCommand = (program, run) => {
  program
    .command('request <target>')
    .description('ask for access to a target')
    .addOption(durationOption('--for <duration>', 'how long, such as 30m', 'PAMCTL_FOR'))
    .option('--reason <text>', 'why')
    .option('--wait', 'wait until somebody decides')
    .addOption(jsonOption())
    .action(
      run(async (context: CliContext, target: string, options: RequestOptions) => {
        const { io } = context
        const api = await context.client()
        const reason = await reasonFor(context, await api.targets(), target, options.reason)
        const created = await api.requests.create({
          target,
          reason,
          ...(options.for === undefined ? {} : { lengthMs: options.for }),
        })
        io.note(`requested access: ${created.id} (approvers: ${created.approvers.groups.join(' or ')})`)
        const decided = options.wait ? await waitForRequest(api, created, io) : created
        if (options.json) io.json(decided)
        else io.print(decided.id)
        if (options.wait && decided.state !== 'approved') throw new Exit(5)
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
        await io.table(items, {
          ID: ({ id }) => id,
          WHO: ({ requester }) => requester.label,
          TARGET: ({ target }) => target,
          FOR: ({ lengthMs }) => forHowLong(lengthMs),
          ASKED: ({ createdAt }) => io.age(createdAt),
          STATUS: ({ status }) => status,
          REASON: ({ reason }) => reason,
        })
      }),
    )
}
