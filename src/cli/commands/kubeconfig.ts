import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { OpenPort } from '../../protocols/kubernetes/client/kubeconfig-document.ts'
import { wordsOf } from '../../protocols/names.ts'
import { UsageError } from '../../shared/errors.ts'
import { visible } from '../../shared/visible.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { interruptible } from '../interruption.ts'
import { addAccessOptions, ensureGrant, openPort, untilInterrupted, type AccessOptions } from '../open-target.ts'
import { targetNamed } from '../target-named.ts'

interface KubeconfigOptions extends AccessOptions {
  /** True: the usual file. */
  readonly merge?: string | true
  readonly remove?: string | true
  readonly use?: boolean
  readonly json?: boolean
}

/** `pamctl kubeconfig [NAME]`: kubectl and its like find a target in the user's own configuration. */
export const kubeconfig: AddCommand = (program, run) => {
  const command = program
    .command('kubeconfig [name]')
    .description(
      'open a local port to a Kubernetes target and print a kubeconfig for it (without a name: for open ports)',
    )
    .option('--merge [file]', 'add a context pamctl-NAME to your kubeconfig (default: $KUBECONFIG or ~/.kube/config)')
    .option('--use', 'with --merge: make it the current context')
    .option('--remove [file]', 'take the contexts of pamctl out of your kubeconfig again')
  addAccessOptions(command).addOption(jsonOption()).action(run(runKubeconfig))
}

async function runKubeconfig(
  context: CliContext,
  name: string | undefined,
  options: KubeconfigOptions,
  command: Command,
): Promise<void> {
  checkOptions(name, options, command)
  if (options.remove !== undefined) return removeEntries(context, name, options.remove, options.json === true)
  // What edits YAML is loaded for this verb alone.
  const { kubeconfigOf } = await import('../../protocols/kubernetes/client/kubeconfig-document.ts')
  const { editKubeconfig, readKubeconfig, writableKubeconfig } =
    await import('../../protocols/kubernetes/client/kubeconfig-file.ts')
  const { io } = context
  const { merge } = options
  const file =
    merge === undefined ? undefined : merge === true ? writableKubeconfig(context.environment) : resolve(merge)
  const api = await context.client()
  const { gateway } = api
  const put = async (ports: readonly OpenPort[]): Promise<void> => {
    const valid = `valid while ${ports.length === 1 ? 'this port is' : 'these ports are'} open`
    if (file === undefined) {
      const targets = ports.map(({ target }) => target)
      if (options.json === true) io.json({ targets, text: kubeconfigOf(ports) })
      else io.print(kubeconfigOf(ports).trimEnd())
      return io.note(visible(`the kubeconfig of ${ports.map(({ target }) => target).join(', ')} is ${valid}`))
    }
    const current = options.use === true ? ports[0]?.target : undefined
    await uninterrupted(() => editKubeconfig(file, (document) => document.merge(ports, current)))
    const names = ports.map(({ target }) => `pamctl-${target}`)
    if (options.json === true) io.json({ file, contexts: names })
    io.note(visible(`${names.join(', ')} written to ${file}, ${valid}`))
    if (current === undefined) io.note(visible(`  kubectl --context ${names[0]} get pods`))
  }
  if (name === undefined) {
    const agent = await context.agent()
    const ports = await agent.call('open-ports', { profile: await context.profile(), protocol: 'kubernetes' })
    if (ports.length === 0)
      throw new UsageError('no port of a Kubernetes target is open', 'to open one: pamctl kubeconfig NAME')
    if (options.use === true && ports.length > 1)
      throw new UsageError(
        `--use needs a NAME: ${ports.map(({ target }) => target).join(', ')} are open`,
        'name the one to use: kubectl config use-context pamctl-NAME',
      )
    return put(ports.map((port) => ({ ...port, gateway })))
  }
  const targets = await api.targets()
  const target = targetNamed(targets, name)
  if (target.type !== 'kubernetes') {
    const { article, label, ways } = wordsOf(target.type)
    throw new UsageError(
      `${name} is ${article} ${label} target, which has no kubeconfig`,
      (ways[0]?.command ?? 'pamctl connect NAME').replace('NAME', name),
    )
  }
  // Nobody is asked for access to what could not be written then.
  if (file !== undefined) readKubeconfig(file).needRoomFor(name, gateway)
  if (target.grant === 'request') await ensureGrant(context, api, targets, name, options)
  const agent = await context.agent()
  const listener = await openPort(context, agent, target, options)
  agent.onEvent((event) => {
    if (event.target === name) io.note(`pamctl: ${visible(event.message)}`)
  })
  await put([{ target: name, gateway, listener }])
  await untilInterrupted(agent, io)
}

async function removeEntries(
  { io, environment }: CliContext,
  name: string | undefined,
  given: string | true,
  json: boolean,
): Promise<void> {
  const { editKubeconfig, readKubeconfig, usualKubeconfigs } =
    await import('../../protocols/kubernetes/client/kubeconfig-file.ts')
  const files = given === true ? usualKubeconfigs(environment) : [resolve(given)]
  const chosen = (all: readonly string[]): readonly string[] => all.filter((found) => found === (name ?? found))
  const done: { readonly file: string; readonly contexts: readonly string[] }[] = []
  for (const file of files) {
    if (given === true && !existsSync(file)) continue
    if (!existsSync(file)) throw new UsageError(`there is no file ${file}`)
    if (chosen(readKubeconfig(file).targets()).length === 0) continue
    let removed: readonly string[] = []
    await uninterrupted(() =>
      editKubeconfig(file, (document) => {
        removed = chosen(document.targets())
        return document.remove(removed)
      }),
    )
    const contexts = removed.map((target) => `pamctl-${target}`)
    done.push({ file, contexts })
    if (!json) io.note(visible(`${contexts.join(', ')} removed from ${file}`))
  }
  if (json) return io.json({ removed: done })
  if (done.length === 0)
    io.note(
      visible(`${files.join(', ')}: nothing of pamctl${name === undefined ? '' : ` named pamctl-${name}`} to remove`),
    )
}

function checkOptions(name: string | undefined, options: KubeconfigOptions, command: Command): void {
  const { merge, remove, use } = options
  if (merge !== undefined && remove !== undefined) throw new UsageError('--merge and --remove exclude each other')
  if (use === true && merge === undefined) throw new UsageError('--use needs --merge')
  for (const [option, file] of Object.entries({ merge, remove })) {
    if (file === '') throw new UsageError(`--${option}: expected the name of a file`)
    // `--merge prod` is easily written for `prod --merge`.
    if (typeof file === 'string' && name === undefined && !/[/\\]/.test(file) && !existsSync(file))
      throw new UsageError(
        `--${option}: there is no file ${file}`,
        `the name of a target comes first: pamctl kubeconfig ${file} --${option}; ${option === 'merge' ? 'a new file' : 'a file of that name'} is written ./${file}`,
      )
  }
  if (name !== undefined && remove === undefined) return
  const unused = ['for', 'reason', 'edit', 'port', 'wait'].filter(
    (option) => command.getOptionValueSource(option) === 'cli',
  )
  if (unused.length > 0)
    throw new UsageError(
      `--${unused[0]} is for opening a port`,
      remove === undefined ? 'give the NAME of a target' : `leave it out with --remove`,
    )
}

/** A signal takes effect once the file is whole and its lock gone. */
async function uninterrupted(work: () => void): Promise<void> {
  await interruptible(async (interruption) => {
    work()
    // What came meanwhile is heard before this.
    await new Promise((resolve) => setImmediate(resolve))
    if (interruption.signal.aborted) throw new Exit(interruption.exitCode)
  })
}
