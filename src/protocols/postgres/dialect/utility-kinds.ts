import { wordList } from '../../../shared/word-list.ts'
import type { NodeType } from './syntax.ts'

export const kebab = (text: string): string =>
  text
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase()

/** Statements whose kind follows from their node; those with several kinds add them below. */
export const KINDS: ReadonlyMap<NodeType, string> = new Map<NodeType, string>([
  ...wordList(`
    AlterCollationStmt AlterDatabaseStmt AlterDefaultPrivilegesStmt AlterDomainStmt AlterExtensionContentsStmt
    AlterExtensionStmt AlterFdwStmt AlterForeignServerStmt AlterFunctionStmt AlterObjectDependsStmt AlterObjectSchemaStmt
    AlterOperatorStmt AlterPolicyStmt AlterPublicationStmt AlterRoleStmt AlterSubscriptionStmt AlterTableMoveAllStmt
    AlterTypeStmt AlterUserMappingStmt CallStmt ClusterStmt CommentStmt CreateCastStmt CreateConversionStmt
    CreateDomainStmt CreateFdwStmt CreateForeignServerStmt CreatePolicyStmt CreatePublicationStmt CreateRoleStmt
    CreateSchemaStmt CreateSubscriptionStmt CreateTransformStmt CreateUserMappingStmt DeallocateStmt DeclareCursorStmt
    DiscardStmt DoStmt DropOwnedStmt DropRoleStmt DropSubscriptionStmt DropUserMappingStmt ExecuteStmt ExplainStmt
    GrantRoleStmt GrantStmt ImportForeignSchemaStmt ListenStmt LoadStmt NotifyStmt PrepareStmt ReassignOwnedStmt
    ReindexStmt RenameStmt TruncateStmt UnlistenStmt
  `).map((type): [NodeType, string] => [type as NodeType, kebab(type.replace(/Stmt$/, ''))]),
  ['VariableShowStmt', 'show'],
  ['ConstraintsSetStmt', 'set-constraints'],
  ['CheckPointStmt', 'checkpoint'],
  ['CreatedbStmt', 'create-database'],
  ['DropdbStmt', 'drop-database'],
  ['CreateSeqStmt', 'create-sequence'],
  ['AlterSeqStmt', 'alter-sequence'],
  ['CreateExtensionStmt', 'create-extension'],
  ['CreateEnumStmt', 'create-type'],
  ['CompositeTypeStmt', 'create-type'],
  ['CreateRangeStmt', 'create-type'],
  ['DefineStmt', 'define'],
  ['AlterSystemStmt', 'alter-system'],
  ['AlterDatabaseSetStmt', 'alter-database'],
  ['AlterRoleSetStmt', 'alter-role'],
  ['AlterOwnerStmt', 'alter-owner'],
  ['RefreshMatViewStmt', 'refresh-materialized-view'],
  ['SecLabelStmt', 'security-label'],
  ['CreateTableSpaceStmt', 'create-tablespace'],
  ['DropTableSpaceStmt', 'drop-tablespace'],
  ['CreatePLangStmt', 'create-language'],
  ['CreateStmt', 'create-table'],
  ['ViewStmt', 'create-view'],
  ['IndexStmt', 'create-index'],
  ['RuleStmt', 'create-rule'],
  ['CreateTrigStmt', 'create-trigger'],
  ['ClosePortalStmt', 'close-cursor'],
  ['CreateEventTrigStmt', 'create-event-trigger'],
  ['AlterEventTrigStmt', 'alter-event-trigger'],
  ['CreateOpClassStmt', 'create-operator-class'],
  ['CreateOpFamilyStmt', 'create-operator-family'],
  ['AlterOpFamilyStmt', 'alter-operator-family'],
  ['CreateAmStmt', 'create-access-method'],
  ['CreateStatsStmt', 'create-statistics'],
  ['AlterStatsStmt', 'alter-statistics'],
  ['AlterTSConfigurationStmt', 'alter-text-search-configuration'],
  ['AlterTSDictionaryStmt', 'alter-text-search-dictionary'],
  ['AlterEnumStmt', 'alter-type'],
  ['AlterDatabaseRefreshCollStmt', 'alter-database'],
  ['AlterTableSpaceOptionsStmt', 'alter-tablespace'],
])

/** Statements that run or install code that is not analysed. */
export const RUNS: ReadonlyMap<NodeType, string> = new Map<NodeType, string>([
  ['DoStmt', 'DO runs code that cannot be analysed'],
  ['CallStmt', 'CALL runs a procedure that cannot be analysed'],
  ['RuleStmt', 'a rule changes what later statements do'],
  ['CreateEventTrigStmt', 'an event trigger runs code at later statements'],
  ['AlterEventTrigStmt', 'an event trigger runs code at later statements'],
  ['CreateCastStmt', 'a cast changes what later statements run'],
  ['CreateTransformStmt', 'a transform changes what later statements run'],
  ['CreateConversionStmt', 'a conversion runs its function'],
  ['CreateOpClassStmt', 'an operator class changes what later statements run'],
  ['AlterOpFamilyStmt', 'an operator family changes what later statements run'],
  ['CreatePLangStmt', 'a language runs its handlers at later statements'],
  ['CreateAmStmt', 'an access method runs its handler at later statements'],
  ['AlterTypeStmt', 'functions of a type run at later statements'],
  ['AlterOperatorStmt', 'estimators of an operator run at later statements'],
  ['AlterTSDictionaryStmt', 'a dictionary runs the functions of its template'],
  ['LoadStmt', 'LOAD runs code of a library'],
  ['CreateExtensionStmt', 'an extension runs a script that cannot be analysed'],
  ['AlterExtensionStmt', 'an extension runs a script that cannot be analysed'],
  ['CreateFdwStmt', 'a foreign data wrapper runs its functions'],
  ['AlterFdwStmt', 'a foreign data wrapper runs its functions'],
  ['CreateForeignServerStmt', 'a foreign data wrapper runs its functions'],
  ['AlterForeignServerStmt', 'a foreign data wrapper runs its functions'],
  ['CreateUserMappingStmt', 'a foreign data wrapper runs its functions'],
  ['AlterUserMappingStmt', 'a foreign data wrapper runs its functions'],
  ['CreateForeignTableStmt', 'a foreign data wrapper runs its functions'],
  ['ImportForeignSchemaStmt', 'a foreign data wrapper runs its functions'],
])

/** Statements that may contain passwords. */
export const SECRET: ReadonlySet<NodeType> = new Set<NodeType>([
  'AlterRoleStmt',
  'AlterRoleSetStmt',
  'CreateRoleStmt',
  'CreateUserMappingStmt',
  'AlterUserMappingStmt',
  'CreateSubscriptionStmt',
  'AlterSubscriptionStmt',
])

/** The SQL name of an object, where the parser has a shorter one. */
export const objectKind = (objectType: unknown): string => {
  const kind = kebab(String(objectType).replace('OBJECT_', ''))
  return OBJECT_KINDS[kind] ?? kind
}
const OBJECT_KINDS: Readonly<Record<string, string>> = {
  matview: 'materialized-view',
  opclass: 'operator-class',
  opfamily: 'operator-family',
  'statistic-ext': 'statistics',
  tsconfiguration: 'text-search-configuration',
  tsdictionary: 'text-search-dictionary',
  tsparser: 'text-search-parser',
  tstemplate: 'text-search-template',
}
