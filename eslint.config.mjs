import js from '@eslint/js'
import globals from 'globals'

export default [
  // The program under examples/ is broken on purpose, and has its own rules.
  { ignores: ['js/binding.cjs', 'target/', 'coverage/', 'examples/broken-program/'] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2023, sourceType: 'commonjs', globals: globals.node },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-console': 'off',
      'no-new-wrappers': 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'all' }],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      strict: 'off',
    },
  },
  { files: ['**/*.mjs'], languageOptions: { sourceType: 'module' } },
  { files: ['index.js', 'js/**/*.js'], rules: { 'no-console': 'error', strict: ['error', 'global'] } },
  { files: ['__test__/**/*.js'], languageOptions: { globals: globals.jest } },
]
