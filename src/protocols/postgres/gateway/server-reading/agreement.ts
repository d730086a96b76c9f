import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { PipelineState } from '../pipeline/pipeline-state.ts'
import type { ParsedText, SqlParser } from '../../dialect/sql-parser.ts'
import { CHANGING } from '../pipeline/current-facts.ts'
import { ownQueries } from '../pipeline/gateway-query.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { MaskingScope } from '../../masking/scope.ts'
import type { OwnRows } from '../pipeline/pending.ts'
import type { QueryText } from './ask-text.ts'
import { askForTree, type Answer } from './ask.ts'
import { isPlainInsert } from './plain-insert.ts'
import { disputed, SecondOpinion, type Opinion, type ReadingSource } from './second-opinion.ts'

interface Ours {
  /** The facts of a text, after reading the catalogs again. */
  readonly afresh: (parsed: ParsedText) => Promise<StatementFacts>
  /** The facts of another text. */
  readonly ours: (sql: string) => StatementFacts | Promise<StatementFacts>
}

type Agree = (
  parsed: ParsedText,
  sql: string,
  types: readonly number[],
  facts: StatementFacts,
) => StatementFacts | Promise<StatementFacts>

/**
 * Returns facts that the server's own reading confirms; where it does not, the effect of the statement is unknown and the log says what
 * differs. The server is asked about a text once for each reading of the catalogs and each list of declared parameter types.
 */
export function agreement(pipeline: PipelineState, parser: SqlParser, { afresh, ours }: Ours): Agree {
  const opinion = new SecondOpinion(new PipelineSource(pipeline), (sql) => parser.parse(sql))
  /** By the facts of the text, which are another object after another reading of the catalogs. */
  const agreed = new WeakMap<StatementFacts, Map<string, StatementFacts>>()

  const ask = async (
    parsed: ParsedText,
    sql: string,
    types: readonly number[],
    facts: StatementFacts,
  ): Promise<StatementFacts> => {
    await pipeline.settled()
    // The server cannot be asked, and will not run anything.
    if (pipeline.isStuck) return facts
    let known = facts
    let said = await opinion.of(sql, types, known)
    // Definitions may have changed since the gateway read them.
    if (differs(said) && !pipeline.serverSkips) {
      known = await afresh(parsed)
      said = await opinion.of(sql, types, known)
    }
    const { session } = pipeline
    for (const [index, reasons] of said.differs.entries())
      if (reasons.length > 0)
        session.logger.warn(
          { session: session.id, target: session.target.name, statement: index + 1, differs: reasons },
          'statement.read_differently',
        )
    const judged = {
      ...(differs(said) ? disputed(known, said.differs, pipeline.known.masking.anything) : known),
      declared: types,
    }
    if (!said.failed) remember(facts, types, judged)
    if (!said.failed && known !== facts) remember(known, types, judged)
    return judged
  }
  const remember = (facts: StatementFacts, types: readonly number[], judged: StatementFacts): void => {
    const byTypes = agreed.get(facts) ?? new Map<string, StatementFacts>()
    if (byTypes.size >= MAX_TYPINGS) byTypes.clear()
    agreed.set(facts, byTypes.set(types.join(), judged))
  }
  /** Checks the statements that EXECUTE runs, as they would be read now. */
  const agreeExecuted = async (sql: string, facts: StatementFacts, times = 0): Promise<StatementFacts> => {
    await pipeline.settled()
    const { generation } = pipeline.known
    const reasons: string[][] = []
    for (const [index, { executes }] of facts.parsed.entries()) {
      reasons[index] = []
      const prepared = executes === undefined ? undefined : pipeline.names.statements.lookUp(executes, pipeline.batch)
      if (prepared?.value === undefined) continue
      const { sql: executed, parameterTypes } = prepared.value
      const known = await agree(await parser.parse(executed), executed, parameterTypes, await ours(executed))
      if (known.statements.some(({ unknown }) => unknown.length > 0) && facts.statements[index]?.unknown.length === 0)
        reasons[index].push('what it executes is parsed differently')
    }
    // The catalogs were read again for what it executes: its own facts are from before.
    if (pipeline.known.generation !== generation && times < MAX_LOOKS)
      return agreeExecuted(sql, await ours(sql), times + 1)
    if (pipeline.known.generation !== generation) for (const differ of reasons) differ.push(CHANGING)
    return differs({ differs: reasons }) ? disputed(facts, reasons, pipeline.known.masking.anything) : facts
  }
  const isDue = (facts: StatementFacts, types: readonly number[]): boolean => {
    const { catalog, masking } = pipeline.known
    return SecondOpinion.isDue(facts) && !facts.parsed.every(({ tree }) => isPlainInsert(tree, types, catalog, masking))
  }
  const agree: Agree = (parsed, sql, types, facts) => {
    const known = agreed.get(facts)?.get(types.length === 0 ? '' : types.join())
    if (known !== undefined) return known
    const executes = facts.parsed.some((statement) => statement.executes !== undefined)
    if (!isDue(facts, types)) {
      if (executes) return agreeExecuted(sql, facts)
      remember(facts, types, facts)
      return facts
    }
    const asked = ask(parsed, sql, types, facts)
    return executes ? asked.then((known) => agreeExecuted(sql, known)) : asked
  }
  return agree
}

class PipelineSource implements ReadingSource {
  readonly #pipeline: PipelineState

  constructor(pipeline: PipelineState) {
    this.#pipeline = pipeline
  }

  get catalog(): Catalog {
    return this.#pipeline.known.catalog
  }

  get masking(): MaskingScope {
    return this.#pipeline.known.masking
  }

  get canAskAgain(): boolean {
    return !this.#pipeline.batchOpen || this.#pipeline.isInBlock
  }

  get longestTree(): number {
    return this.#pipeline.session.limits.resultMessageBytes
  }

  ask(text: QueryText): Promise<Answer> {
    return askForTree(this.#pipeline, text)
  }

  rows(texts: readonly string[]): Promise<readonly OwnRows[]> {
    return ownQueries(this.#pipeline, texts)
  }
}

const differs = ({ differs: reasons }: Pick<Opinion, 'differs'>): boolean => reasons.some((some) => some.length > 0)

/** How often it is asked again because definitions keep changing. */
const MAX_LOOKS = 5
/** The number of lists of declared types that are remembered for a text. */
const MAX_TYPINGS = 20
