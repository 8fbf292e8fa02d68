# A shop with Ruby's Logger. It writes down what it provokes while it does.
require 'json'
require 'logger'

TOLD = File.open(ARGV[0], 'a')
LOG = Logger.new($stdout, progname: 'shop')
$stdout.sync = true

def tell(kind, problem, holds, more = {})
  TOLD.puts({ kind: kind, problem: problem, holds: holds }.merge(more).to_json)
  TOLD.flush
end

class PriceError < StandardError; end

def price(ref)
  nil.fetch(ref)
end

def save(ref)
  price(ref)
rescue NoMethodError
  raise PriceError, "no price for #{ref}"
end

4.times do |n|
  ref = format('order-%03d', n)
  LOG.info("#{ref} checked, 0 errors")
  tell('harmless', false, ["#{ref} checked, 0 errors"])
  begin
    save(ref)
  rescue PriceError => e
    LOG.error(e)
    tell('exception logged', true, ["no price for #{ref} (PriceError)", "shop.rb:19:in `price'".sub('price', 'rescue in save').sub('19', '22').then { "in `save'" }, "in `<main>'"],
         exception: 'PriceError', severity: 'error', frame: 'save')
  end
  if n == 2
    LOG.fatal("#{ref} stops the line")
    tell('fatal', true, ["#{ref} stops the line"], severity: 'fatal')
    LOG.warn("#{ref} is slow")
    tell('warning', false, ["#{ref} is slow"], severity: 'warning')
  end
end
tell('uncaught with its cause', true, ["no price for order-last (PriceError)", "undefined method `fetch' for nil:NilClass (NoMethodError)"],
     exception: 'NoMethodError', frame: 'price', untimed: true)
save('order-last')
