import type { Conversation } from './pipeline-state.ts'
import {
  namesAnything,
  resolveFacts,
  unparsed,
  type FindPrepared,
  type StatementFacts,
} from '../../dialect/command-facts.ts'
import { agreement } from '../server-reading/agreement.ts'
import type { Failure, ParsedText, SqlParser } from '../../dialect/sql-parser.ts'

/** What a text does, against the catalogs as they are now. */
export interface Understanding {
  /** `types`: of parameters, as the client declares them. */
  of(sql: string, types?: readonly number[]): StatementFacts | Promise<StatementFacts>
  /** The same, with the catalogs read again: before something approved is forwarded. */
  again(sql: string, types?: readonly number[]): Promise<StatementFacts>
}

export function understanding(conversation: Conversation, parser: SqlParser): Understanding {
  /** By what the text says: texts that say the same share it. */
  let cache = new WeakMap<ParsedText, StatementFacts>()
  let generation = conversation.catalogGeneration

  const resolve = (parsed: ParsedText): StatementFacts => {
    if (generation !== conversation.catalogGeneration) {
      cache = new WeakMap()
      generation = conversation.catalogGeneration
    }
    const known = cache.get(parsed)
    if (known !== undefined) return known
    const facts =
      'failure' in parsed
        ? notRead(parsed)
        : resolveFacts(parsed, conversation.catalog, conversation.masking, prepared, {
            readOnly: conversation.session.readOnly,
            ownAccount: conversation.session.config.ownAccount,
          })
    // What EXECUTE runs depends on what has its name now.
    if (facts.parsed.some(({ executes }) => executes !== undefined)) return facts
    cache.set(parsed, facts)
    return facts
  }
  /** What SQL or the protocol prepared under a name, where that is certain. */
  const prepared: FindPrepared = (name) => {
    const { value } = conversation.statements.lookUp(name, conversation.batch)
    if (value === undefined || !conversation.isIdle) return undefined
    const parsed = parser.parse(value.sql)
    return parsed instanceof Promise ? undefined : resolve(parsed)
  }
  const notRead = ({ failure, syntax }: Failure): StatementFacts => ({
    ...(syntax === undefined ? {} : { syntaxError: { ...syntax, failure } }),
    statements: [unparsed(failure)],
    parsed: [],
    refusal: undefined,
    tainted: conversation.masking.plan.columns.length > 0 && 'all',
    lineage: [],
    guesses: [],
    changesCatalog: true,
    objects: '',
    unresolved: false,
  })
  /** Definitions have changed, or a name is new: look again, once everything before has been worked through. */
  const lookAgain = async (parsed: ParsedText, force: boolean): Promise<StatementFacts> => {
    await conversation.settled()
    // In a failed transaction, or before the Sync after an error, nothing can be asked and nothing will run.
    if (conversation.status !== 'E' && !conversation.serverSkips && !conversation.copyIn)
      await conversation.refreshCatalog(force)
    return resolve(parsed)
  }
  const understand = (parsed: ParsedText, sql: string): StatementFacts | Promise<StatementFacts> => {
    // BEGIN, SET TRANSACTION and the like look nothing up, and a query of ours before them would take the snapshot.
    if (conversation.catalogStale && looksUp(parsed))
      return lookAgain(parsed, false).then((facts) => (isNew(facts, sql) ? lookOnce(parsed, sql) : facts))
    if (!conversation.isIdle && !('failure' in parsed) && parsed.some(({ executes }) => executes !== undefined))
      return conversation.settled().then(() => resolve(parsed))
    const facts = resolve(parsed)
    return isNew(facts, sql) ? lookOnce(parsed, sql) : facts
  }
  /** A text whose names did not resolve is looked at again once per set of catalogs. */
  const seen = new Set<string>()
  const isNew = ({ unresolved }: StatementFacts, sql: string): boolean => unresolved && !seen.has(sql)
  const lookOnce = async (parsed: ParsedText, sql: string): Promise<StatementFacts> => {
    const facts = await lookAgain(parsed, true)
    if (seen.size > MOST_CACHED) seen.clear()
    if (facts.unresolved) seen.add(sql)
    return facts
  }
  /** What is said of a text, held against how the target reads it; unless nothing is asked of the target. */
  const agree =
    readingOf(conversation) === 'ours'
      ? undefined
      : agreement(conversation, parser, {
          afresh: (parsed) => lookAgain(parsed, true),
          ours: (sql) => ours(sql),
        })
  const ours = (sql: string): StatementFacts | Promise<StatementFacts> => {
    const parsed = parser.parse(sql)
    return parsed instanceof Promise ? parsed.then((done) => understand(done, sql)) : understand(parsed, sql)
  }
  return {
    of(sql, types = NO_TYPES) {
      if (agree === undefined) return ours(sql)
      const parsed = parser.parse(sql)
      const facts = ours(sql)
      return parsed instanceof Promise || facts instanceof Promise
        ? Promise.all([parsed, facts]).then(([done, known]) => agree(done, sql, types, known))
        : agree(parsed, sql, types, facts)
    },
    async again(sql, types = NO_TYPES) {
      const parsed = await parser.parse(sql)
      const facts = await lookAgain(parsed, true)
      return agree === undefined ? facts : agree(parsed, sql, types, facts)
    },
  }
}

/** Where columns are masked, the target's own reading has to agree with ours, unless the configuration says otherwise. */
export const readingOf = ({ session }: Pick<Conversation, 'session'>): 'ours' | 'agreed' =>
  session.config.reading ?? (session.masking.columns.length > 0 ? 'agreed' : 'ours')

const NO_TYPES: readonly number[] = []

/** Whether what a text does depends on the catalogs. */
const looksUp = (parsed: ParsedText): boolean => 'failure' in parsed || parsed.some(namesAnything)

const MOST_CACHED = 2000
