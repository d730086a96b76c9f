import { CORPUS } from './corpus.ts'
import { Grammar } from './grammar.ts'
import { INPUTS } from './home.ts'
import { mutated, soup } from './mutate.ts'
import { compare, isUnderstood, type Disagreement, type Reading } from './oracle.ts'
import { Random } from './random.ts'
import { Sandbox, type Script } from './sandbox.ts'
import { SHELLS, type ShellName } from './shells.ts'
import { shrink } from './shrink.ts'

export interface Find {
  readonly seed: number
  readonly shell: ShellName
  readonly text: string
  readonly input: number
  /** What happened and was not said. */
  readonly disagreements: readonly Disagreement[]
  /** What was said. */
  readonly said: string
  readonly output: string
}

export interface CampaignOptions {
  readonly seed: number
  readonly reading: Reading
  /** Those in which every script runs that is understood. */
  readonly shells: readonly ShellName[]
  /** Scripts at most. */
  readonly count?: number | undefined
  readonly milliseconds?: number | undefined
  /** Ends with so many finds of different kinds. */
  readonly mostFinds?: number | undefined
  readonly onFind?: ((find: Find) => void) | undefined
  /** Runs at most to make a find short. */
  readonly tries?: number | undefined
  /** Scripts that are left out: what is known already. */
  readonly except?: RegExp | undefined
}

export interface CampaignResult {
  /** Texts that were made up. */
  readonly made: number
  /** Those that are understood. */
  readonly understood: number
  readonly ran: Readonly<Partial<Record<ShellName, number>>>
  readonly finds: readonly Find[]
  /** How often each kind was found, by what was done, and by what. */
  readonly kinds: ReadonlyMap<string, number>
  readonly nextSeed: number
}

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { reading, shells, except } = options
  const ran: Partial<Record<ShellName, number>> = {}
  const finds: Find[] = []
  const kinds = new Map<string, number>()
  const shapes = new Set<string>()
  let made = 0
  let understood = 0
  let seed = options.seed
  const started = Date.now()
  const isDone = (): boolean =>
    seed - options.seed >= (options.count ?? Infinity) ||
    Date.now() - started > (options.milliseconds ?? Infinity) ||
    finds.length >= (options.mostFinds ?? Infinity)
  const sandbox = new Sandbox()
  try {
    await sandbox.ready()
    for (; !isDone(); seed++) {
      const random = new Random(seed)
      const candidate = await understoodText(random, async (text) => {
        made++
        const isLeftOut = except?.test(text) === true
        const readings = isLeftOut ? [] : await Promise.all(shells.map((shell) => reading(text, shell)))
        const isFit = readings.some((statements) => isUnderstood(statements))
        if (isFit) understood++
        return isFit
      })
      if (candidate === undefined) continue
      const input = random.below(INPUTS.length)
      const compared = new Set<string>()
      for (const shell of shells) {
        // In the same program, what is said in the same words needs to be compared once.
        const same = JSON.stringify([SHELLS[shell].argv, await reading(candidate, shell)])
        if (compared.has(same)) continue
        compared.add(same)
        const look = await lookAt(sandbox, reading, { shell, text: candidate, input })
        if (look === undefined) continue
        ran[shell] = (ran[shell] ?? 0) + 1
        const [first] = look.disagreements
        if (first === undefined) continue
        const kind = kindOf(first)
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
        // The same again and again is not worth its time.
        if ((kinds.get(kind) as number) > MAX_OF_A_KIND) continue
        const find = await shrunk(
          sandbox,
          reading,
          { seed, shell, text: candidate, input, ...look },
          kind,
          options.tries,
        )
        const shape = `${kind} ${shapeOf(find.text)}`
        if (shapes.has(shape)) continue
        shapes.add(shape)
        finds.push(find)
        options.onFind?.(find)
        break
      }
    }
  } finally {
    await sandbox.stop()
  }
  return { made, understood, ran, finds, kinds, nextSeed: seed }
}

/** One script of somebody's, in a sandbox of its own. */
export async function replay(script: Script, reading: Reading): Promise<Find | undefined> {
  const sandbox = new Sandbox()
  try {
    await sandbox.ready()
    const look = await lookAt(sandbox, reading, script)
    return look === undefined ? undefined : { seed: 0, ...script, ...look }
  } finally {
    await sandbox.stop()
  }
}

/** The first of a few texts that is understood: most of what is made up is not. */
async function understoodText(random: Random, isFit: (text: string) => Promise<boolean>): Promise<string | undefined> {
  const fresh = (): string => new Grammar(random).script()
  const [attempts, make] = random.weighted<readonly [number, () => string]>([
    [35, [8, fresh]],
    [25, [8, () => mutated(fresh(), fresh(), random)]],
    [25, [8, () => mutated(random.pick(CORPUS), fresh(), random)]],
    [15, [60, () => soup(random)]],
  ])
  for (let attempt = 0; attempt < attempts; attempt++) {
    const text = make()
    if (await isFit(text)) return text
  }
  return undefined
}

async function lookAt(
  sandbox: Sandbox,
  reading: Reading,
  script: Script,
): Promise<Pick<Find, 'disagreements' | 'said' | 'output'> | undefined> {
  if (script.text.includes('\0')) return undefined
  const statements = await reading(script.text, script.shell)
  if (!isUnderstood(statements)) return undefined
  const outcome = await sandbox.run(script)
  return {
    disagreements: compare(outcome, statements),
    said: statements
      .map(({ argv, reads, writes }) => {
        const parts = [`[${argv.map((word) => word ?? '?').join(' ')}]`]
        if (reads.length > 0) parts.push(`reads ${reads.join(' ')}`)
        if (writes.length > 0) parts.push(`writes ${writes.join(' ')}`)
        return parts.join(' ')
      })
      .join('; '),
    output: outcome.output,
  }
}

async function shrunk(sandbox: Sandbox, reading: Reading, script: Find, kind: string, tries = 250): Promise<Find> {
  const isSame = async (text: string): Promise<boolean> => {
    const look = await lookAt(sandbox, reading, { ...script, text })
    return look?.disagreements.some((one) => kindOf(one) === kind) === true
  }
  // What happens once and not again, as with two processes at a time, stays as it is.
  const text = await shrink(script.text, isSame, tries)
  // Without an input, if it does not need one.
  const without = text === '' ? undefined : await lookAt(sandbox, reading, { ...script, text, input: 0 })
  const input = without?.disagreements.some((one) => kindOf(one) === kind) === true ? 0 : script.input
  const look = await lookAt(sandbox, reading, { ...script, text, input })
  if (look === undefined || look.disagreements.length === 0) {
    const again = await lookAt(sandbox, reading, script)
    return again === undefined || again.disagreements.length === 0 ? script : { ...script, ...again }
  }
  return { ...script, text, input, ...look }
}

const kindOf = ({ type, by }: Disagreement): string => `${type} ${by}`

const shapeOf = (text: string): string =>
  text.replaceAll(/(vault\/|link\/|d\/|away\/|out\/|~\/)\S*|\b(a|b|d|new|none|dang|link|flink|names|sums)\b/g, 'P')

/** Of one kind, how many finds are made short before the rest is only counted. */
const MAX_OF_A_KIND = 12

export function describeFind({ seed, shell, text, input, disagreements, said, output }: Find): string {
  return [
    `${shell}: ${JSON.stringify(text)}${input === 0 ? '' : `, standard input ${JSON.stringify(INPUTS[input])}`}`,
    ...disagreements
      .slice(0, 6)
      .map(({ type, by, what }) => `  not said: ${type} ${what}${by === '' ? '' : ` (${by})`}`),
    `  said: ${said}`,
    ...(output === '' ? [] : [`  output: ${JSON.stringify(output.slice(0, 120))}`]),
    `  again: node scripts/fuzz-command-lines.js --shell ${shell} --input ${input} --script ${JSON.stringify(text)} (found with --seed ${seed} --count 1)`,
  ].join('\n')
}
