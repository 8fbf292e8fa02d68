// pino and winston: what is logged, and what that is, told as it happens.
const [, , which, told] = process.argv;
const tell = require('./tell')(told);

class ChargeError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'ChargeError';
  }
}

function find(ref) {
  return null[ref];
}

function charge(ref) {
  try {
    return find(ref);
  } catch (e) {
    throw new ChargeError(`cannot charge ${ref}`, { cause: e });
  }
}

function logger() {
  if (which === 'pino') {
    const log = require('pino')({ name: 'billing', base: { hostname: 'web1', pid: process.pid, name: 'billing' } });
    return { info: (m, f) => log.info(f, m), warn: (m, f) => log.warn(f, m), error: (m, f) => log.error(f, m), failed: (m, f, err) => log.error({ ...f, err }, m) };
  }
  const winston = require('winston');
  const { combine, timestamp, errors, json, printf } = winston.format;
  const format = which === 'winston'
    ? combine(errors({ stack: true }), timestamp(), json())
    : combine(errors({ stack: true }), timestamp(), printf((i) => `${i.timestamp} ${i.level}: ${i.message}${i.ref ? ' ref=' + i.ref : ''}${i.stack ? '\n' + i.stack : ''}`));
  const log = winston.createLogger({ level: 'info', format, defaultMeta: { service: 'billing' }, transports: [new winston.transports.Console({ forceConsole: true })] });
  return {
    info: (m, f) => log.info(m, f), warn: (m, f) => log.warn(m, f), error: (m, f) => log.error(m, f),
    failed: (m, f, err) => log.error({ ...f, message: m, stack: err.stack }),
  };
}

const log = logger();
for (let n = 0; n < 8; n++) {
  const ref = `order-${String(n).padStart(3, '0')}`;
  log.info('order charged, 0 errors', { ref, failed: 0 });
  tell.harmless('harmless', [ref, 'order charged, 0 errors']);
  if (n % 2) {
    try {
      charge(ref);
    } catch (e) {
      log.failed('charge failed', { ref }, e);
      tell.problem('logged with its stack', [ref, 'charge failed', `ChargeError: cannot charge ${ref}`, 'loggers.js'], {
        ...(which === 'winston-text' ? {} : { message: 'charge failed' }), frame: 'charge|find', exception: 'ChargeError|TypeError',
      });
    }
  }
  if (n % 4 === 0) {
    log.error('card refused', { ref, code: 51 });
    tell.problem('error without a stack', [ref, 'card refused'], { severity: 'error' });
  }
  if (n % 4 === 2) {
    log.warn('charge is slow', { ref });
    tell.harmless('warning', [ref, 'charge is slow'], { severity: 'warning' });
  }
}
