import { jsonOption, type AddCommand } from '../command.ts'
import { forgetCompletions } from '../completion/candidates.ts'
import type { CliContext } from '../context.ts'
import { ResultStore } from '../held/result-store.ts'
import { visible } from '../../shared/visible.ts'

/** `pamctl logout`: revokes the sign-in and forgets it. */
export const logout: AddCommand = (program, run) => {
  program
    .command('logout')
    .description('sign out, here and at the gateway')
    .option('--everywhere', 'also sign out all your browsers and other machines, and end open sessions')
    .addOption(jsonOption())
    .action(
      run(async (context: CliContext, options: { everywhere?: boolean; json?: boolean }) => {
        if (options.everywhere === true) await (await context.client()).logoutEverywhere()
        const { gateway } = await (await context.agent()).call('logout', { profile: await context.profile() })
        forgetCompletions(context.paths().home)
        new ResultStore(context.paths().home).removeOf(gateway)
        if (options.json === true) return context.io.json({ gateway, everywhere: options.everywhere === true })
        context.io.note(`signed out of ${gateway}${options.everywhere === true ? ', everywhere' : ''}`)
      }),
    )
}

/** `pamctl whoami`: who is signed in, where, until when. */
export const whoami: AddCommand = (program, run) => {
  program
    .command('whoami')
    .description('show who is signed in')
    .addOption(jsonOption())
    .action(
      run(async ({ io, client }: CliContext, options: { json?: boolean }) => {
        const api = await client()
        const who = { gateway: api.gateway, ...(await api.whoami()) }
        if (options.json) return io.json(who)
        io.print(`${visible(who.person.label)}${who.person.kind === 'person' ? '' : ` (${who.person.kind})`}`)
        io.print(`groups   ${who.person.groups.map(visible).join(', ') || 'none'}`)
        if (who.roles.length > 0) io.print(`roles    ${who.roles.join(', ')}`)
        io.print(`gateway  ${who.gateway}`)
        io.print(`verified until ${io.clock(who.provenUntil)} (renewed by the agent while in use)`)
      }),
    )
}
