<?php
// A shop in PHP. It writes down what it provokes while it does.
[, $how, $n, $told] = $argv;
$ref = "order-" . $n;

function tell(string $kind, bool $problem, array $holds, array $more = []): void
{
    global $told;
    file_put_contents($told, json_encode(['kind' => $kind, 'problem' => $problem, 'holds' => $holds] + $more, JSON_UNESCAPED_SLASHES) . "\n", FILE_APPEND);
}

class PriceError extends RuntimeException
{
}

class Shop
{
    public function price(string $ref): int
    {
        throw new InvalidArgumentException("unknown $ref");
    }

    public function save(string $ref): void
    {
        try {
            $this->price($ref);
        } catch (InvalidArgumentException $e) {
            throw new PriceError("no price for $ref", 7, $e);
        }
    }
}

error_log("$ref begun, 0 errors, ErrorHandler ready");
tell('harmless', false, ["$ref begun, 0 errors"]);
switch ($how) {
    case 'uncaught':
        tell('uncaught with its cause', true, ["Uncaught InvalidArgumentException: unknown $ref", "Next PriceError: no price for $ref", '#0 /srv/app/shop.php', '{main}', '  thrown in /srv/app/shop.php'],
            ['exception' => 'InvalidArgumentException', 'frame' => 'price']);
        (new Shop())->save($ref);
        break;
    case 'memory':
        tell('out of memory', true, ['PHP Fatal error:  Allowed memory size of 4194304 bytes exhausted']);
        $all = str_repeat('x', 8 << 20);
        break;
    case 'parse':
        tell('parse error', true, ['PHP Parse error:  ', '/srv/app/broken.php']);
        file_put_contents('/srv/app/broken.php', "<?php\nfunction (\n");
        require '/srv/app/broken.php';
        break;
    case 'warning':
        tell('warning', false, ['PHP Warning:  Undefined variable $none'], ['severity' => 'warning']);
        echo $none;
}
