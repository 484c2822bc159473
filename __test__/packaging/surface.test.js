'use strict'
/** The hand-written types and what is there at run time: neither may have a name the other lacks. */

const { execFileSync } = require('node:child_process')
const { readFileSync } = require('node:fs')
const path = require('node:path')
const ts = require('typescript')
const plimsoll = require('plimsoll')
const { ERROR_CODES } = require('../../js/errors.js')

const ROOT = path.resolve(__dirname, '../..')
const TYPES_FILE = path.join(ROOT, 'index.d.ts')
const types = ts.createSourceFile(TYPES_FILE, readFileSync(TYPES_FILE, 'utf8'), ts.ScriptTarget.ESNext, true)

const declared = (kind) => types.statements.filter((statement) => statement.kind === kind)
const named = (kind, name) => declared(kind).find((statement) => statement.name.text === name)
const memberName = (member) => (ts.isComputedPropertyName(member.name) ? member.name.expression.getText() : member.name.text)
const SYMBOLS = new Map([[Symbol.asyncDispose, 'Symbol.asyncDispose'], [Symbol.dispose, 'Symbol.dispose']])
const runtimeName = (key) => SYMBOLS.get(key) ?? String(key)

const declaredConstants = () =>
  declared(ts.SyntaxKind.VariableStatement).flatMap(({ declarationList }) => declarationList.declarations).map(({ name }) => name.text)
const declaredValues = () =>
  [ts.SyntaxKind.ClassDeclaration, ts.SyntaxKind.FunctionDeclaration].flatMap(declared).map(({ name }) => name.text).concat(declaredConstants())

describe('exports', () => {
  test('under require are those of index.d.ts', () => {
    expect(Object.keys(plimsoll).sort()).toEqual(declaredValues().sort())
  })

  test('under import are the same objects', () => {
    const script = `
      import * as names from 'plimsoll'
      import { createRequire } from 'node:module'
      const required = createRequire(import.meta.url)('plimsoll')
      console.log(JSON.stringify(Object.keys(names).map((name) => [name, names[name] === required[name]])))`
    const args = ['--input-type=module', '-e', script]
    const found = Object.fromEntries(JSON.parse(execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' })))
    expect(found).toEqual(Object.fromEntries(declaredValues().map((name) => [name, true])))
  })

  test('of the CommonJS file are visible to a static import', () => {
    const script = `import * as names from './index.js'; console.log(JSON.stringify(Object.keys(names)))`
    const args = ['--input-type=module', '-e', script]
    const names = JSON.parse(execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' }))
    expect(names).toEqual(expect.arrayContaining(declaredValues()))
  })

  test('are what index.d.ts says they are', () => {
    const kinds = Object.fromEntries(Object.entries(plimsoll).map(([name, value]) =>
      [name, typeof value !== 'function' ? 'constant' : Object.getOwnPropertyDescriptor(value, 'prototype')?.writable === false ? 'class' : 'function']))
    const said = (kind, names) => names.map((name) => [name, kind])
    expect(kinds).toEqual(Object.fromEntries([
      ...said('class', declared(ts.SyntaxKind.ClassDeclaration).map(({ name }) => name.text)),
      ...said('function', declared(ts.SyntaxKind.FunctionDeclaration).map(({ name }) => name.text)),
      ...said('constant', declaredConstants()),
    ]))
  })

  test('all start with a description', () => {
    for (const statement of types.statements) {
      expect([statement.name?.text, ts.getJSDocCommentsAndTags(statement).length > 0]).toEqual([statement.name?.text, true])
    }
  })
})

describe.each(declared(ts.SyntaxKind.ClassDeclaration).map((statement) => [statement.name.text, statement]))(
  'class %s',
  (name, statement) => {
    const { prototype } = plimsoll[name]
    const own = Reflect.ownKeys(prototype).filter((key) => key !== 'constructor' && key !== 'name')
    const isAccessor = (key) => Object.getOwnPropertyDescriptor(prototype, key).get !== undefined

    test('has the methods index.d.ts declares, and no other', () => {
      // A method may have several signatures.
      const methods = [...new Set(statement.members.filter(ts.isMethodDeclaration).map(memberName))]
      expect(own.filter((key) => !isAccessor(key)).map(runtimeName).sort()).toEqual(methods.sort())
    })

    test('has accessors only for what index.d.ts declares read-only', () => {
      const isReadOnly = (member) => ts.isGetAccessor(member) ||
        (ts.isPropertyDeclaration(member) && member.modifiers.some(({ kind }) => kind === ts.SyntaxKind.ReadonlyKeyword))
      const readOnly = statement.members.filter(isReadOnly).map(memberName)
      for (const key of own.filter(isAccessor)) {
        expect(readOnly).toContain(runtimeName(key))
        expect(Object.getOwnPropertyDescriptor(prototype, key).set).toBeUndefined()
      }
      const getters = statement.members.filter(ts.isGetAccessor).map(memberName)
      expect(own.filter(isAccessor).map(runtimeName)).toEqual(expect.arrayContaining(getters))
    })

    test('documents every member', () => {
      for (const member of statement.members) {
        expect([member.getText(), ts.getJSDocCommentsAndTags(member).length > 0]).toEqual([member.getText(), true])
      }
    })
  },
)

/** The table of options a class hands to `readConfig`, overheard while one is constructed. */
const optionsOf = (load) => {
  let options
  jest.isolateModules(() => {
    jest.doMock('../../js/config.js', () => {
      const { readConfig } = jest.requireActual('../../js/config.js')
      return {
        readConfig(component, schema, given) {
          options = schema
          return readConfig(component, schema, given)
        },
      }
    })
    new (load())()
    jest.dontMock('../../js/config.js')
  })
  return options
}

describe.each([
  ['TelemetryConfig', () => require('../../js/telemetry.js').TelemetryManager],
  ['ErrorAnalysisConfig', () => require('../../js/analysis.js').ErrorAnalysisWorker],
  ['ResourceLifecycleConfig', () => require('../../js/lifecycle.js').ResourceLifecycleManager],
])('%s', (config, load) => {
  const options = optionsOf(load)
  const members = named(ts.SyntaxKind.InterfaceDeclaration, config).members

  test('has the options the code reads', () => {
    expect(members.map(memberName).sort()).toEqual(Object.keys(options).sort())
  })

  test.each(members.map((member) => [memberName(member), member]))('documents the default of %s', (name, member) => {
    const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default')
    const literal = tag.comment.replace(/ \(.*\)$/, '')
    expect(new Function(`return (${literal})`)()).toEqual(options[name].default)
  })
})

describe('ResourceBudgetConfig', () => {
  const { BUDGET_OPTIONS } = require('../../js/budget-options.js')
  const groups = {
    queue: 'QueueConfig', taskQuota: 'TaskQuota', predictMemory: 'PredictionConfig', adaptive: 'AdaptiveConfig', breaker: 'BreakerConfig',
    adaptiveTimeout: 'AdaptiveTimeoutConfig',
  }
  const membersOf = (name) => named(ts.SyntaxKind.InterfaceDeclaration, name).members
  const documentedDefault = (member) => ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default')?.comment

  test('has the options the code reads', () => {
    expect(membersOf('ResourceBudgetConfig').map(memberName).sort()).toEqual(Object.keys(BUDGET_OPTIONS).sort())
  })

  test.each(Object.entries(groups))('has in %s the options the code reads, with their defaults', (key, name) => {
    const { allowed, read } = BUDGET_OPTIONS[key]
    const members = membersOf(name)
    expect(members.map(memberName).sort()).toEqual(allowed.replace('true, false or an object of ', '').split(', ').sort())
    const defaults = Object.entries(read(true)).filter(([, value]) => value !== undefined)
    for (const [option, value] of defaults) {
      const member = members.find((candidate) => memberName(candidate) === option)
      expect([option, new Function(`return (${documentedDefault(member)})`)()]).toEqual([option, value])
    }
  })

  test('documents the defaults that DEFAULT_RESOURCE_BUDGET_CONFIG has', () => {
    const documented = membersOf('ResourceBudgetConfig')
      .filter((member) => Object.hasOwn(plimsoll.DEFAULT_RESOURCE_BUDGET_CONFIG, memberName(member)))
      .map((member) => [memberName(member), new Function(`return (${documentedDefault(member)})`)()])
    expect(Object.fromEntries(documented)).toEqual(plimsoll.DEFAULT_RESOURCE_BUDGET_CONFIG)
    expect(Object.isFrozen(plimsoll.DEFAULT_RESOURCE_BUDGET_CONFIG)).toBe(true)
    expect(Object.isFrozen(plimsoll.DEFAULT_RESOURCE_BUDGET_CONFIG.laneConcurrencyLimits)).toBe(true)
  })
})

test('PlimsollErrorCode has the codes of the table', () => {
  const union = named(ts.SyntaxKind.TypeAliasDeclaration, 'PlimsollErrorCode').type.types
  expect(union.map((member) => member.literal.text).sort()).toEqual(Object.keys(ERROR_CODES).sort())
})

test('every code a source file names is in the table', () => {
  const under = (directory, extension) => ts.sys.readDirectory(path.join(ROOT, directory), [extension])
  const files = [...under('js', '.js'), ...under('src', '.rs')]
  const codes = files.flatMap((file) => readFileSync(file, 'utf8').match(/ERR_PLIMSOLL_[A-Z_]+/g) ?? [])
  expect([...new Set(codes)].filter((code) => !Object.hasOwn(ERROR_CODES, code))).toEqual([])
})
