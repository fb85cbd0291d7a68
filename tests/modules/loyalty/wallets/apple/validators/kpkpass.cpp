// Prints what KDE's reader finds in each pass, one JSON object a line; "null" where it finds none.
// Usage: kpkpass LANGUAGE FILE...

#include <KPkPass/Barcode>
#include <KPkPass/Field>
#include <KPkPass/Pass>

#include <QColor>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLocale>

#include <cstdio>
#include <memory>

int main(int count, char **words)
{
    QLocale::setDefault(QLocale(QString::fromUtf8(words[1])));
    for (int at = 2; at < count; ++at) {
        std::unique_ptr<KPkPass::Pass> pass(KPkPass::Pass::fromFile(QString::fromUtf8(words[at])));
        if (!pass) {
            std::puts("null");
            continue;
        }
        QJsonObject fields;
        for (const auto &field : pass->fields()) {
            fields[field.key()] = QJsonArray{field.label(), field.value().toString(), field.changeMessage()};
        }
        QJsonArray codes;
        for (const auto &code : pass->barcodes()) {
            codes.append(QJsonArray{code.format(), code.message(), code.messageEncoding(), code.alternativeText()});
        }
        const QJsonObject found{
            {QStringLiteral("type"), pass->type()},
            {QStringLiteral("serial"), pass->serialNumber()},
            {QStringLiteral("organization"), pass->organizationName()},
            {QStringLiteral("description"), pass->description()},
            {QStringLiteral("voided"), pass->isVoided()},
            {QStringLiteral("background"), pass->backgroundColor().name()},
            {QStringLiteral("service"), pass->webServiceUrl().toString()},
            {QStringLiteral("images"), QJsonArray{pass->hasIcon(), pass->hasLogo(), pass->hasStrip()}},
            {QStringLiteral("fields"), fields},
            {QStringLiteral("barcodes"), codes},
        };
        std::puts(QJsonDocument(found).toJson(QJsonDocument::Compact).constData());
    }
    return 0;
}
