package labelled

import "strings"

// words are the pools of names that the logs are written from; each log has an order of its own, so that another word is
// frequent in each.
var words = map[string][]string{
	"user": strings.Fields(`root admin deploy jenkins alice bob mwang backup guest test oracle postgres ubuntu nagios
		support carol d.smith svc-report ftpuser webmaster jkowalski operator pi zhang eve ansible git _apt uucp user1 o.meyer`),
	"role": strings.Fields(`web db cache mail api node worker build proxy edge store queue`),
	"name": strings.Fields(`orders payments user-events billing checkout inventory sessions audit search-index metrics
		notify reports catalog cart_items profile shipping ledger gateway auth thumbnails`),
	"topic": strings.Fields(`orders payments user-events __consumer_offsets audit.log clicks metrics-raw billing_v2 cdc.public.users`),
	"noun": strings.Fields(`order user cart item price stock invoice session token report account image batch shard region
		tenant product label review message ticket coupon address device`),
	"domain": strings.Fields(`example.com example.org corp.example.net acme.test mx.example.net internal eu-west-1.compute.internal
		static.isp.example dyn.example.edu`),
	"iface": strings.Fields(`eth0 eth1 ens3 bond0 wlan0 docker0 veth3f2a1c br-lan enp0s31f6`),
	"disk":  strings.Fields(`sda sdb nvme0n1 dm-0 vda sdc md127`),
	"unit": strings.Fields(`nginx.service postgresql.service cron.service docker.service logrotate.timer apt-daily.service
		user@1000.service session-12.scope mnt-data.mount systemd-tmpfiles-clean.service getty@tty1.service dbus.socket`),
	"ns":   strings.Fields(`default kube-system monitoring prod staging ingress-nginx cert-manager`),
	"verb": strings.Fields(`GET POST PUT DELETE HEAD PATCH OPTIONS`),
	"err": strings.Split(`Connection refused|Connection reset by peer|No route to host|Connection timed out|Broken pipe|No such file or directory|`+
		`Permission denied|Network is unreachable|Resource temporarily unavailable`, "|"),
	"goerr": strings.Split(`connection refused|i/o timeout|EOF|context deadline exceeded|no such host|broken pipe|context canceled|`+
		`unexpected EOF|connection reset by peer`, "|"),
	"desc": strings.Split(`A high performance web server|PostgreSQL RDBMS|Regular background program processing daemon|Docker Application Container Engine|`+
		`Rotate log files|Daily apt download activities|User Manager for UID 1000|Session 12 of User root|/mnt/data|Cleanup of Temporary Directories|`+
		`Getty on tty1|D-Bus System Message Bus`, "|"),
	"cmd": strings.Split(`/usr/lib/sa/sa1 1 1|run-parts /etc/cron.hourly|test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily|/usr/local/bin/backup.sh --full|`+
		`/usr/bin/php -f /var/www/cron.php|cd /srv/app && ./manage.py clearsessions >/dev/null 2>&1|/usr/bin/apt-get update|/bin/systemctl restart nginx|`+
		`/opt/monitor/check -w 5 -c 10|/usr/bin/certbot -q renew`, "|"),
	"signal": strings.Fields(`SIGTERM SIGKILL SIGHUP SIGINT SIGSEGV SIGABRT`),
	"lock":   strings.Fields(`AccessShareLock ShareLock ExclusiveLock RowExclusiveLock AccessExclusiveLock`),
	"app": strings.Fields(`com.example.notes com.acme.player org.sample.chat com.android.systemui com.google.android.gms
		com.example.maps.navigation com.acme.bank`),
	"country": strings.Fields(`DE US FR CN BR IN JP`),
}
